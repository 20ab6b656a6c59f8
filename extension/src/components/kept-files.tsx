/** What the notebooks wrote, and whole outputs that were too large for the executed ones. */
import * as React from 'react';
import { downloadIcon } from '@jupyterlab/ui-components';
import type { Attempt, KeptFile, Run } from '../api/types';
import { bytes } from '../format/quantity';
import { Resource } from '../model/resource';
import { ProblemBox } from './basics';
import { useGalley, useModel } from './context';

export function KeptFiles({ run, attempt }: { run: Run; attempt: Attempt }): JSX.Element | null {
  const { client, trans } = useGalley();
  const key = `${run.id}/${attempt.number}/${attempt.ended_at}`;
  const kept = useModel(() => {
    const resource = new Resource<{ key: string; files: KeptFile[] }>(async () => ({
      key,
      files: await client.files(run.id, attempt.number)
    }));
    void resource.refresh();
    return resource;
  }, key);
  if (kept.problem) {
    return <ProblemBox problem={kept.problem} retry={() => void kept.refresh()} />;
  }
  // The model of the attempt before is there until the next one is made.
  const files = kept.value?.key === key ? kept.value.files : [];
  if (files.length === 0) {
    return null;
  }
  return (
    <details className="jp-Galley-keptFiles">
      <summary>{trans._n('%1 file', '%1 files', files.length)}</summary>
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
