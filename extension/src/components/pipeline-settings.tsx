/** A pipeline's settings: its schedule, how it runs, and the parameters of a run. */
import * as React from 'react';
import type { Pipeline, Version } from '../api/types';
import { tenantOf } from '../model/galley';
import { parametersOf, type IParameter } from '../model/parameters';
import { Empty, Facts, Link, Loading, Name, Section, Time } from './basics';
import { useChanges, useGalley } from './context';
import { goalText } from './metrics';
import { ScheduleView } from './schedule';
import { ChangeScheduleButton } from './schedule-dialog';
import { Triggers } from './triggers';

export interface ISettingsProps {
  pipeline: Pipeline;
  /** The live version, or the newest. */
  version: Version | undefined;
  onChanged: (pipeline: Pipeline) => void;
}

export function PipelineSettings(props: ISettingsProps): JSX.Element {
  const { me, trans } = useGalley();
  useChanges(me);
  const { pipeline, version } = props;
  const tenant = tenantOf(me.value, pipeline.tenant);
  const profile = tenant?.profiles.find(one => one.name === version?.profile);
  return (
    <div className="jp-Galley-cards">
      <Section
        title={trans.__('Schedule')}
        aside={<ChangeScheduleButton pipeline={pipeline} onChanged={props.onChanged} />}
      >
        <ScheduleView pipeline={pipeline} />
      </Section>
      <Section title={trans.__('How it runs')}>
        {version ? (
          <>
            <Facts
              facts={[
                [
                  trans.__('Version'),
                  <Link key="v" to={{ kind: 'review', id: version.id }}>
                    {version.live
                      ? trans.__('version %1, live', version.number)
                      : trans.__('version %1, not live', version.number)}
                  </Link>
                ],
                [
                  trans.__('Profile'),
                  profile ? (
                    <span title={profile.description}>{profile.display_name}</span>
                  ) : (
                    version.profile
                  )
                ],
                [trans.__('Time limit'), trans.__('%1 min', Math.round(version.timeout_s / 60))],
                [trans.__('Retries'), version.retries],
                [trans.__('Goal'), pipeline.goal && goalText(trans, pipeline.goal)],
                [
                  trans.__('Notebook'),
                  pipeline.source_path && <Name text={pipeline.source_path} most={48} />
                ],
                [trans.__('Created'), <Time key="t" at={pipeline.created_at} />]
              ]}
            />
            <p className="jp-Galley-muted">
              {trans.__('They belong to the version: publish the notebook again to change them.')}
            </p>
          </>
        ) : (
          <Loading />
        )}
      </Section>
      <Triggers pipeline={pipeline} />
      <Section title={trans.__('Parameters')} className="jp-mod-wide">
        {version ? (
          <ParameterTable
            parameters={parametersOf(version.analysis?.parameters)}
            version={version.defaults ?? {}}
            tenant={tenant?.parameters ?? {}}
          />
        ) : (
          <Loading />
        )}
      </Section>
    </div>
  );
}

type Values = Record<string, unknown>;

function ParameterTable(props: {
  parameters: IParameter[];
  version: Values;
  tenant: Values;
}): JSX.Element {
  const { trans } = useGalley();
  if (props.parameters.length === 0) {
    return (
      <Empty title={trans.__('This notebook has no parameters.')}>
        {trans.__('Tag a cell “parameters” and assign names in it: a run may then change them.')}
      </Empty>
    );
  }
  const value = (parameter: IParameter): { value: unknown; from: string } => {
    if (parameter.name in props.version) {
      return { value: props.version[parameter.name], from: trans.__('this version') };
    }
    if (parameter.name in props.tenant) {
      return { value: props.tenant[parameter.name], from: trans.__('the tenant') };
    }
    return { value: parameter.default, from: trans.__('the notebook') };
  };
  return (
    <table className="jp-Galley-table">
      <thead>
        <tr>
          <th>{trans.__('Parameter')}</th>
          <th>{trans.__('Value')}</th>
          <th>{trans.__('Set by')}</th>
          <th>{trans.__('What it is')}</th>
        </tr>
      </thead>
      <tbody>
        {props.parameters.map(parameter => {
          const found = value(parameter);
          return (
            <tr key={parameter.name}>
              <td>
                <code>{parameter.name}</code>
              </td>
              <td>
                {found.value === undefined ? (
                  <span className="jp-Galley-muted">{trans.__('asked for each run')}</span>
                ) : (
                  <code>{JSON.stringify(found.value)}</code>
                )}
              </td>
              <td className="jp-Galley-muted">{found.from}</td>
              <td className="jp-Galley-muted">{parameter.description}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
