/** What fired the trigger that a run came of: runs upstream, a file's versions, or a request. */
import * as React from 'react';
import { Link, Name } from './basics';
import { useGalley } from './context';

interface IDetail {
  upstream?: Record<string, string>;
  url?: string;
  old?: string | null;
  new?: string;
  request?: string;
}

/** `detail` is what a run or a firing keeps of its cause. */
export function RunCause(props: { detail: IDetail | undefined }): JSX.Element | null {
  const { trans } = useGalley();
  const detail = props.detail ?? {};
  if (detail.upstream) {
    return (
      <span>
        {trans.__('after')}{' '}
        {Object.entries(detail.upstream).map(([slug, id], index) => (
          <React.Fragment key={id}>
            {index > 0 && ', '}
            <Link to={{ kind: 'run', id }} title={id}>
              {slug}
            </Link>
          </React.Fragment>
        ))}
      </span>
    );
  }
  if (detail.url) {
    return (
      <span title={`${detail.old ?? '–'} → ${detail.new ?? '–'}`}>
        {trans.__('a new version of')}{' '}
        <code>
          <Name text={detail.url} most={48} />
        </code>
      </span>
    );
  }
  return detail.request ? (
    <span>
      {trans.__('request')}{' '}
      <code>
        <Name text={detail.request} most={16} />
      </code>
    </span>
  ) : null;
}
