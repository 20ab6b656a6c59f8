/** The rows of the sidebar: state, name, what comes next, and a menu of the obvious actions. */
import * as React from 'react';
import { ellipsesIcon } from '@jupyterlab/ui-components';
import type { Pipeline, Run, Version } from '../api/types';
import { Elapsed, Meter, Name, Time } from '../components/basics';
import { useGalley } from '../components/context';
import { Dot } from '../components/glyph';
import type { Place } from '../model/place';
import { ended, runWord, versionWord, type IWord } from '../model/words';
import { pipelineMenu, reviewMenu, runMenu, type IEntry } from './menu';
import { showMenu } from './open-menu';

const LONGEST = 24;

export function ReviewRow({ version }: { version: Version }): JSX.Element {
  const galley = useGalley();
  const { trans } = galley;
  return (
    <Row
      word={versionWord(trans, version)}
      name={trans.__('%1 v%2', version.name, version.number)}
      place={{ kind: 'review', id: version.id }}
      menu={() => reviewMenu(galley, version)}
      detail={
        <>
          {trans.__('by %1', version.author)} · <Time at={version.created_at} />
          {version.tenant !== galley.homeTenant && ` · ${version.tenant}`}
        </>
      }
    />
  );
}

export function RunRow({ run }: { run: Run }): JSX.Element {
  const galley = useGalley();
  const { trans } = galley;
  const word = runWord(trans, run);
  const cells = run.cells ?? 0;
  const moving = !ended(run.state) && cells > 0;
  const cell = Math.min((run.cell ?? 0) + 1, cells);
  return (
    <Row
      word={word}
      name={run.pipeline_name}
      place={{ kind: 'run', id: run.id }}
      menu={() => runMenu(galley, run)}
      detail={
        moving ? (
          <>
            {trans.__('cell %1 of %2', cell, cells)} · <Elapsed start={run.started_at} />
          </>
        ) : (
          <>
            {word.text} · v{run.version} · <Time at={run.ended_at ?? run.created_at} />
          </>
        )
      }
      below={
        moving && (
          <Meter done={run.cell} total={cells} label={trans.__('cell %1 of %2', cell, cells)} />
        )
      }
    />
  );
}

export function PipelineRow({ pipeline }: { pipeline: Pipeline }): JSX.Element {
  const galley = useGalley();
  const { trans } = galley;
  const { tenant, slug } = pipeline;
  const word = pipelineWord(trans, pipeline);
  return (
    <Row
      word={word}
      name={pipeline.name}
      place={{ kind: 'pipeline', tenant, slug }}
      menu={() => pipelineMenu(galley, pipeline)}
      detail={
        pipeline.next_firing ? (
          <>
            {word.text} · {trans.__('next')}{' '}
            <Time at={pipeline.next_firing} zone={pipeline.schedule?.timezone} />
          </>
        ) : (
          `${word.text} · ${trans.__('no schedule')}`
        )
      }
    />
  );
}

function pipelineWord(trans: ReturnType<typeof useGalley>['trans'], pipeline: Pipeline): IWord {
  if (pipeline.schedule?.paused) {
    return { text: trans.__('Paused'), tone: 'warn', glyph: 'pause' };
  }
  return pipeline.live_version
    ? { text: trans.__('Live v%1', pipeline.live_version), tone: 'good', glyph: 'rocket' }
    : { text: trans.__('Nothing live'), tone: 'idle', glyph: 'info' };
}

function Row(props: {
  word: IWord;
  name: string;
  place: Place;
  detail: React.ReactNode;
  below?: React.ReactNode;
  menu: () => IEntry[];
}): JSX.Element {
  const { go, href, trans } = useGalley();
  const open = (event: React.MouseEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    const box = event.currentTarget.getBoundingClientRect();
    const keyboard = event.clientX === 0 && event.clientY === 0;
    showMenu(props.menu(), {
      x: keyboard ? box.left : event.clientX,
      y: keyboard ? box.bottom : event.clientY
    });
  };
  return (
    <div className="jp-Galley-sidebarRow" onContextMenu={open}>
      <a
        href={href(props.place)}
        onClick={event => {
          if (!event.metaKey && !event.ctrlKey && !event.shiftKey) {
            event.preventDefault();
            go(props.place);
          }
        }}
      >
        <Dot word={props.word} />
        <span className="jp-Galley-sidebarText">
          <span className="jp-Galley-sidebarName">
            <Name text={props.name} most={LONGEST} />
          </span>
          <span className="jp-Galley-sidebarDetail">{props.detail}</span>
          {props.below}
        </span>
      </a>
      <button
        type="button"
        className="jp-Galley-iconButton"
        title={trans.__('More')}
        aria-label={trans.__('Actions for %1', props.name)}
        aria-haspopup="menu"
        onClick={open}
      >
        <ellipsesIcon.react tag="span" elementSize="normal" />
      </button>
    </div>
  );
}
