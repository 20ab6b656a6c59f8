/** Shows a page more of a list, and says when it does not come. */
import * as React from 'react';
import type { PagedList } from '../model/list';
import { Button, ProblemBox, type IButtonProps } from './basics';

export function More(props: {
  list: Pick<PagedList<{ id: unknown }>, 'hasMore' | 'wantsMore' | 'loading' | 'problem' | 'more'>;
  label: string;
  kind?: IButtonProps['kind'];
}): JSX.Element | null {
  const { list } = props;
  if (!list.hasMore) {
    return null;
  }
  return (
    <>
      {list.wantsMore && <ProblemBox problem={list.problem} />}
      <div className="jp-Galley-more">
        <Button
          kind={props.kind}
          label={props.label}
          busy={list.wantsMore && list.loading}
          onClick={() => void list.more()}
        />
      </div>
    </>
  );
}
