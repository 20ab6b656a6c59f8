/** What a tenant keeps on disk by kind, how long runs are kept, and what would go now. */
import * as React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { DiskUse, RetentionPolicy, RetentionReport, RunState } from '../api/types';
import { bytes } from '../format/quantity';
import { Resource } from '../model/resource';
import { runStateWord } from '../model/words';
import { Empty, Facts, Link, Loading, Meter, Name, ProblemBox, Section } from './basics';
import { useGalley, useModel } from './context';

interface IStorage {
  disk: DiskUse;
  report: RetentionReport;
}

export function StorageOf({ tenant, title }: { tenant: string; title: string }): JSX.Element {
  const { client, events, trans } = useGalley();
  const storage = useModel(() => {
    const resource = new Resource<IStorage>(async () => {
      const [disk, report] = await Promise.all([client.disk(tenant), client.retention(tenant)]);
      return { disk, report };
    }).follow(events);
    void resource.refresh();
    return resource;
  }, tenant);
  return (
    <Section
      title={title}
      className="jp-mod-wide"
      aside={
        storage.value && (
          <span className="jp-Galley-muted">
            {trans.__('%1 on disk', bytes(storage.value.disk.total))}
          </span>
        )
      }
    >
      <ProblemBox problem={storage.problem} retry={() => void storage.refresh()} />
      {storage.value ? (
        <div className="jp-Galley-storage">
          <Disk disk={storage.value.disk} />
          <Kept report={storage.value.report} />
        </div>
      ) : (
        !storage.problem && <Loading lines={4} />
      )}
    </Section>
  );
}

function Disk({ disk }: { disk: DiskUse }): JSX.Element {
  const { trans } = useGalley();
  const limited = disk.notebooks + disk.tracked;
  return (
    <div>
      <Facts
        facts={[
          [trans.__('Executed notebooks, files of runs'), bytes(disk.notebooks)],
          [trans.__('Artifacts in MLflow'), bytes(disk.tracked)],
          [trans.__('Logs'), bytes(disk.logs)],
          [trans.__('Content of versions'), bytes(disk.blobs)],
          [trans.__('Git repository'), bytes(disk.mirror)]
        ]}
      />
      <p className="jp-Galley-muted">
        {trans.__(
          'The first two are %1 of the %2 that the tenant may keep.',
          bytes(limited),
          bytes(disk.limit)
        )}
      </p>
      <Meter
        done={limited}
        total={disk.limit}
        tone={limited > 0.9 * disk.limit ? 'bad' : 'good'}
        label={trans.__('%1 of %2', bytes(limited), bytes(disk.limit))}
      />
    </div>
  );
}

function Kept({ report }: { report: RetentionReport }): JSX.Element {
  const { trans } = useGalley();
  return (
    <div>
      <h4>{trans.__('How long runs are kept')}</h4>
      <ul>
        {policyLines(trans, report.policy).map(line => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      <h4>{trans.__('What housekeeping removes next')}</h4>
      {report.pipelines.length === 0 ? (
        <Empty title={trans.__('Nothing is old enough to go.')} />
      ) : (
        <table className="jp-Galley-table jp-mod-rows">
          <thead>
            <tr>
              <th>{trans.__('Pipeline')}</th>
              <th className="jp-mod-number">{trans.__('Files of')}</th>
              <th className="jp-mod-number">{trans.__('Runs')}</th>
              <th className="jp-mod-number">{trans.__('Size')}</th>
            </tr>
          </thead>
          <tbody>
            {report.pipelines.map(one => (
              <tr key={one.pipeline}>
                <td>
                  <Link to={{ kind: 'pipeline', tenant: report.tenant, slug: one.pipeline }}>
                    <Name text={one.pipeline} />
                  </Link>
                </td>
                <td className="jp-mod-number">{trans._n('%1 run', '%1 runs', one.files)}</td>
                <td className="jp-mod-number">{one.runs}</td>
                <td className="jp-mod-number">{bytes(one.size)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

/** A policy in sentences; what it does not name is kept for ever. */
export function policyLines(trans: TranslationBundle, policy: RetentionPolicy): string[] {
  const ages = (given: RetentionPolicy['files']) => Object.entries(given ?? {});
  const state = (name: string) => runStateWord(trans, name as RunState).text;
  const lines = [
    ...ages(policy.files).map(([name, days]) =>
      trans.__('%1: logs and notebooks go after %2 days.', state(name), days)
    ),
    ...ages(policy.runs).map(([name, days]) =>
      trans.__('%1: the run itself goes after %2 days.', state(name), days)
    )
  ];
  return lines.length === 0
    ? [trans.__('Everything is kept for ever: the tenants file names no ages.')]
    : [
        ...lines,
        trans.__(
          'The latest %1 runs of each pipeline, its last success and the evidence of versions stay.',
          policy.latest
        )
      ];
}
