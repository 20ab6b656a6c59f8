/** The sidebar's content: three sections that fold, and one filter box. */
import * as React from 'react';
import { FilterBox, caretDownIcon, caretRightIcon, refreshIcon } from '@jupyterlab/ui-components';
import { Empty, Loading, ProblemBox } from '../components/basics';
import { useChanges, useGalley } from '../components/context';
import { ConnectionBanner } from '../components/connection';
import { More } from '../components/more';
import type { PagedList } from '../model/list';
import type { SidebarModel } from './model';
import { PipelineRow, ReviewRow, RunRow } from './rows';

export function SidebarPanel({ model }: { model: SidebarModel }): JSX.Element {
  const { trans, me } = useGalley();
  useChanges(model, me);
  const filtered = model.filter.trim() !== '';
  const none = <Empty title={trans.__('Nothing matches the filter.')} />;
  return (
    <div className="jp-Galley-sidebarBody">
      <div className="jp-Galley-sidebarHead">
        <FilterBox
          placeholder={trans.__('Filter')}
          updateFilter={(_, text) => model.setFilter(text ?? '')}
          useFuzzyFilter={false}
          showIcon={true}
        />
        <button
          type="button"
          className="jp-Galley-iconButton"
          title={trans.__('Refresh')}
          aria-label={trans.__('Refresh')}
          onClick={() => model.refresh()}
        >
          <refreshIcon.react tag="span" elementSize="normal" />
        </button>
      </div>
      <ConnectionBanner />
      <ProblemBox problem={me.problem} retry={() => void me.refresh()} />
      <Fold title={trans.__('Waiting for you')} count={model.waiting} list={model.reviews}>
        {model.shownReviews.map(version => (
          <ReviewRow key={version.id} version={version} />
        ))}
        {model.shownReviews.length === 0 &&
          (filtered && model.waiting > 0 ? (
            none
          ) : (
            <Empty title={trans.__('Nothing waits for you.')} />
          ))}
      </Fold>
      <Fold title={trans.__('Runs')} list={model.runs}>
        {model.shownRuns.map(run => (
          <RunRow key={run.id} run={run} />
        ))}
        {model.shownRuns.length === 0 &&
          (filtered ? (
            none
          ) : (
            <Empty title={trans.__('Nothing has run yet.')}>
              {trans.__('A schedule starts runs, or “Run…” on a pipeline that is live.')}
            </Empty>
          ))}
      </Fold>
      <Fold title={trans.__('Pipelines')} list={model.pipelines}>
        {model.shownPipelines.map(pipeline => (
          <PipelineRow key={pipeline.id} pipeline={pipeline} />
        ))}
        {model.shownPipelines.length === 0 &&
          (filtered ? (
            none
          ) : (
            <Empty title={trans.__('Nothing is published yet.')}>
              {trans.__('Open a notebook and press “Publish” in its toolbar.')}
            </Empty>
          ))}
      </Fold>
    </div>
  );
}

function Fold<T extends { id: unknown }>(props: {
  title: string;
  count?: number;
  list: PagedList<T>;
  children: React.ReactNode;
}): JSX.Element {
  const { trans } = useGalley();
  const { list } = props;
  const [open, setOpen] = React.useState(true);
  const id = React.useId();
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section className="jp-Galley-group">
      <h3>
        <button
          type="button"
          aria-expanded={open}
          aria-controls={id}
          onClick={() => setOpen(!open)}
        >
          <Caret.react tag="span" elementSize="normal" />
          {props.title}
          {props.count ? <span className="jp-Galley-count">{props.count}</span> : null}
        </button>
      </h3>
      {open && (
        <div id={id}>
          <ProblemBox problem={list.problem} retry={() => void list.refresh()} />
          {list.value ? props.children : !list.problem && <Loading lines={3} />}
          <More list={list} kind="quiet" label={trans.__('Show more')} />
        </div>
      )}
    </section>
  );
}
