import * as React from 'react';
import { button, clear, draw, settle, stage } from '../../__tests__/galley';
import { NotebookFrame } from '../notebook-frame';

beforeEach(() => void jest.useFakeTimers({ advanceTimers: true }));
afterEach(async () => {
  await clear();
  jest.useRealTimers();
});

const { galley } = stage();

function show(revision: string): Promise<HTMLElement> {
  return draw(galley, <NotebookFrame url="/nb" title="train, executed" revision={revision} />);
}

function frames(): HTMLIFrameElement[] {
  return [...document.querySelectorAll('iframe')];
}

function pass(milliseconds: number): Promise<void> {
  return settle(() => void jest.advanceTimersByTime(milliseconds));
}

describe('NotebookFrame of a notebook that goes on', () => {
  it('shows the newer page once it has loaded, at times', async () => {
    await show('1');
    const [old] = frames();
    await show('2');
    await show('3');
    await pass(7000);
    expect(frames()).toEqual([old]);
    await pass(1000);
    const [before, next] = frames();
    expect(before).toBe(old);
    expect(next.style.visibility).toBe('hidden');
    expect(next.getAttribute('sandbox')).toBe('');
    await settle(() => void next.dispatchEvent(new Event('load')));
    expect(frames()).toEqual([next]);
    expect(next.style.visibility).toBe('');
    expect(next.style.pointerEvents).toBe('none');
    await pass(60_000);
    expect(frames()).toEqual([next]);
    await show('4');
    await pass(8000);
    const loading = frames()[1];
    await show('');
    await pass(8000);
    expect(frames()).toEqual([next, loading]);
    await settle(() => void loading.dispatchEvent(new Event('load')));
    await pass(8000);
    expect(frames()).toHaveLength(2);
  });

  it('takes nobody the place where they read, and asks them', async () => {
    await show('1');
    const [old] = frames();
    expect(old.style.pointerEvents).toBe('none');
    const around = old.parentElement!;
    await settle(() => void around.dispatchEvent(new MouseEvent('pointermove', { bubbles: true })));
    expect(old.style.pointerEvents).toBe('');
    expect(document.querySelector('[role=status]')).toBeNull();
    await show('2');
    await pass(20_000);
    expect(frames()).toEqual([old]);
    await settle(() => button('Show it as it is now').click());
    const [, next] = frames();
    await settle(() => void next.dispatchEvent(new Event('load')));
    expect(frames()).toEqual([next]);
    expect(document.querySelector('[role=status]')).toBeNull();
    await show('3');
    await pass(8000);
    expect(frames()).toHaveLength(2);
  });

  it('is not shown anew where the focus is in it', async () => {
    await show('1');
    const [old] = frames();
    old.tabIndex = 0;
    old.focus();
    await show('2');
    await pass(8000);
    expect(frames()).toEqual([old]);
    expect(button('Show it as it is now')).toBeTruthy();
  });
});
