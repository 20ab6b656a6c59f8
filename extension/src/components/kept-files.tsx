/** Outputs that were too large for the executed notebook, whole. */
import * as React from 'react';
import { downloadIcon } from '@jupyterlab/ui-components';
import type { Attempt, KeptFile, Run } from '../api/types';
import { bytes } from '../format/quantity';
import { ProblemBox } from './basics';
import { useGalley } from './context';

export function KeptFiles({ run, attempt }: { run: Run; attempt: Attempt }): JSX.Element | null {
  const { client, trans } = useGalley();
  const [files, setFiles] = React.useState<KeptFile[]>([]);
  const [problem, setProblem] = React.useState<unknown>(null);
  React.useEffect(() => {
    let wanted = true;
    client.files(run.id, attempt.number).then(
      found => wanted && setFiles(found),
      (reason: unknown) => wanted && setProblem(reason)
    );
    return () => {
      wanted = false;
    };
  }, [client, run.id, attempt.number, attempt.ended_at]);
  if (problem) {
    return <ProblemBox problem={problem} />;
  }
  if (files.length === 0) {
    return null;
  }
  return (
    <details className="jp-Galley-keptFiles">
      <summary>{trans._n('%1 output in full', '%1 outputs in full', files.length)}</summary>
      <ul>
        {files.map(file => (
          <li key={file.name}>
            <a
              className="jp-Galley-link"
              href={client.fileUrl(run.id, attempt.number, file.name)}
              download={file.name}
            >
              <downloadIcon.react tag="span" elementSize="normal" />
              {file.name}
            </a>{' '}
            <span className="jp-Galley-muted">{bytes(file.size)}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
