/** The tasks of the publish dialog: the graph, and the list in which the author arranges them. */
import * as React from 'react';
import type { Merge, SplitLayout } from '../api/types';
import { Button, ProblemBox, Section } from '../components/basics';
import { useTrans } from '../components/context';
import { CellLink } from '../components/evidence';
import { Glyph } from '../components/glyph';
import { SplitView } from '../components/split-view';
import { middle } from '../format/names';
import {
  arrangement,
  cellRanges,
  merge,
  movable,
  move,
  named,
  oneTask,
  rename,
  seenIn
} from '../model/split';
import { refusal } from './mistakes';
import { ProofChoice } from './proof-choice';
import type { PublishSession } from './session';

export interface ISplitProps {
  session: PublishSession;
  onCell: (cell: number) => void;
}

export function SplitSection({ session, onCell }: ISplitProps): JSX.Element | null {
  const trans = useTrans();
  const { plan, draft, split } = session;
  const slug = draft?.slug;
  const shown = React.useMemo(
    () => plan && { ...plan, tasks: named(plan.tasks, slug) },
    [plan, slug]
  );
  const evidence = session.known.value?.version?.evidence;
  const seen = React.useMemo(() => seenIn(evidence), [evidence]);
  if (!plan || !shown || !draft) {
    return null;
  }
  const layout = draft.layout ?? arrangement(plan);
  const set = (changed: SplitLayout | null): void => session.edit({ layout: changed });
  const merges = split.pending ? [] : (plan.merges ?? []);
  const refused = refusal(session.problem);
  return (
    <Section
      title={trans.__('Tasks')}
      aside={
        <span className="jp-Galley-row">
          {layout.tasks.length > 1 && (
            <Button
              kind="quiet"
              label={trans.__('One task')}
              title={trans.__('Asks for no split: all cells run in one kernel')}
              onClick={() => set(oneTask(layout))}
            />
          )}
          <Button
            kind="quiet"
            label={trans.__('Reset')}
            title={trans.__('Back to the proposal')}
            reason={draft.layout ? null : trans.__('This is the proposal.')}
            onClick={() => set(null)}
          />
        </span>
      }
    >
      <SplitView plan={shown} seen={seen} stale={split.pending} />
      {plan.reason && !split.pending && (
        <p className="jp-Galley-row jp-mod-sentence">
          <Glyph name="info" />
          <span>{trans.__('One task: %1', sentence(plan.reason))}</span>
        </p>
      )}
      {(layout.tasks.length > 1 || merges.length > 0) && (
        <Arrangement layout={layout} merges={merges} onChange={set} onCell={onCell} />
      )}
      <ProblemBox
        problem={split.problem ?? (refused?.field === 'layout' ? refused.message : null)}
        retry={draft.layout && split.problem ? () => split.ask(draft.layout) : undefined}
      />
      {plan.tasks.length > 1 && <ProofChoice session={session} />}
    </Section>
  );
}

/** The wished tasks one below the other, and what can be done at each boundary. */
function Arrangement(props: {
  layout: SplitLayout;
  merges: readonly Merge[];
  onChange: (layout: SplitLayout) => void;
  onCell: (cell: number) => void;
}): JSX.Element {
  const trans = useTrans();
  const { layout, merges, onChange, onCell } = props;
  const [naming, setNaming] = React.useState<number | null>(null);
  const { tasks } = layout;
  const placed = merges.map(one => boundaryOf(tasks, one));
  const elsewhere = merges.filter((_, index) => placed[index] === null);
  return (
    <>
      <ol className="jp-Galley-arrangement" aria-label={trans.__('Arrange the tasks')}>
        {tasks.map((task, index) => (
          <React.Fragment key={task.name}>
            <li className="jp-Galley-arranged">
              {naming === index ? (
                <NameField
                  title={task.title || task.name}
                  onDone={title => {
                    setNaming(null);
                    if (title?.trim() && title.trim() !== (task.title || task.name)) {
                      onChange(rename(layout, index, title));
                    }
                  }}
                />
              ) : (
                <>
                  <span className="jp-Galley-arrangedName" title={task.title || task.name}>
                    {middle(task.title || task.name, 36)}
                  </span>
                  <span className="jp-Galley-muted">
                    {trans._n('cell %2', 'cells %2', task.cells.length, cellRanges(task.cells))}
                  </span>
                  <Action
                    label={trans.__('Rename')}
                    aloud={trans.__('Rename the task %1', task.name)}
                    onClick={() => setNaming(index)}
                  />
                </>
              )}
            </li>
            {index + 1 < tasks.length && (
              <Boundary
                layout={layout}
                index={index}
                merges={merges.filter((_, at) => placed[at] === index)}
                onChange={onChange}
                onCell={onCell}
              />
            )}
          </React.Fragment>
        ))}
      </ol>
      {elsewhere.length > 0 && (
        <ul className="jp-Galley-merges">
          {elsewhere.map((one, index) => (
            <MergeNote key={index} merge={one} onCell={onCell} />
          ))}
        </ul>
      )}
    </>
  );
}

/** The boundary that a merge is about: behind the first of its tasks; null where it is not shown. */
export function boundaryOf(
  tasks: readonly { name: string }[],
  one: Pick<Merge, 'tasks'>
): number | null {
  const first = tasks.findIndex(task => one.tasks.includes(task.name));
  return first >= 0 && first + 1 < tasks.length ? first : null;
}

function Boundary(props: {
  layout: SplitLayout;
  index: number;
  merges: readonly Merge[];
  onChange: (layout: SplitLayout) => void;
  onCell: (cell: number) => void;
}): JSX.Element {
  const trans = useTrans();
  const { layout, index, merges, onChange } = props;
  const [above, below] = [layout.tasks[index], layout.tasks[index + 1]];
  const { up, down } = movable(layout, index);
  return (
    <li className="jp-Galley-boundary">
      <div className="jp-Galley-row">
        <span className="jp-Galley-boundaryLine" aria-hidden="true" />
        {up !== null && (
          <Action
            label={trans.__('↑ Boundary above cell %1', up + 1)}
            aloud={trans.__('Move cell %1 from %2 down into %3', up + 1, above.name, below.name)}
            onClick={() => onChange(move(layout, index, 'up'))}
          />
        )}
        {down !== null && (
          <Action
            label={trans.__('↓ below cell %1', down + 1)}
            aloud={trans.__('Move cell %1 from %2 up into %3', down + 1, below.name, above.name)}
            onClick={() => onChange(move(layout, index, 'down'))}
          />
        )}
        <Action
          label={trans.__('Merge')}
          aloud={trans.__('Merge %1 with %2', above.name, below.name)}
          onClick={() => onChange(merge(layout, index))}
        />
      </div>
      {merges.length > 0 && (
        <ul className="jp-Galley-merges">
          {merges.map((one, at) => (
            <MergeNote key={at} merge={one} onCell={props.onCell} />
          ))}
        </ul>
      )}
    </li>
  );
}

function MergeNote(props: { merge: Merge; onCell: (cell: number) => void }): JSX.Element {
  const trans = useTrans();
  const { reason, cells } = props.merge;
  return (
    <li className="jp-mod-warn">
      <Glyph name="info" />
      <span>
        {trans.__('Not cut: %1', sentence(reason))}{' '}
        {(cells ?? []).map(cell => (
          <React.Fragment key={cell}>
            <CellLink cell={cell} onCell={props.onCell} />{' '}
          </React.Fragment>
        ))}
      </span>
    </li>
  );
}

/** With a full stop at its end. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function NameField(props: { title: string; onDone: (title: string | null) => void }): JSX.Element {
  const trans = useTrans();
  const [text, setText] = React.useState(props.title);
  return (
    <input
      type="text"
      autoFocus
      maxLength={80}
      aria-label={trans.__('Name of the task')}
      value={text}
      onChange={event => setText(event.target.value)}
      onBlur={() => props.onDone(text)}
      onKeyDown={event => {
        if (event.key === 'Enter') {
          props.onDone(text);
        } else if (event.key === 'Escape') {
          // The dialog stays open.
          event.preventDefault();
          event.stopPropagation();
          props.onDone(null);
        }
      }}
    />
  );
}

function Action(props: { label: string; aloud: string; onClick: () => void }): JSX.Element {
  return (
    <button
      type="button"
      className="jp-Galley-textButton"
      aria-label={props.aloud}
      title={props.aloud}
      onClick={props.onClick}
    >
      {props.label}
    </button>
  );
}
