/** A Galley for component tests: the service is a table of answers, who one is an argument. */
import * as React from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { Signal } from '@lumino/signaling';
import { Client } from '../api/client';
import type { EventStream } from '../api/events';
import type { ITransport } from '../api/transport';
import type { Action, IMe } from '../api/types';
import { GalleyProvider } from '../components/context';
import type { IGalley } from '../model/galley';
import type { Place } from '../model/place';
import { Resource } from '../model/resource';
import { trans } from './trans';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
// jsdom has no modal dialogs. They give the focus back, unless they were taken off the page before.
const openers = new WeakMap<HTMLDialogElement, HTMLElement>();
HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
  this.open = true;
  openers.set(this, document.activeElement as HTMLElement);
  this.querySelector<HTMLElement>('button')?.focus();
};
HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
  this.open = false;
  if (this.isConnected) {
    openers.get(this)?.focus();
  }
};

export interface IAsked {
  method: string;
  path: string;
  body: unknown;
}

export type Answers = Record<string, unknown>;

/** Answers "METHOD path" from a table; what is not in it is 404. An Error stands for no answer. */
export class TableTransport implements ITransport {
  readonly asked: IAsked[] = [];
  /** What is refused with 422, by "METHOD path". */
  readonly refusals: Answers = {};

  constructor(readonly answers: Answers) {}

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const method = init.method ?? 'GET';
    const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : null;
    this.asked.push({ method, path, body });
    const answer = this.answers[`${method} ${path}`];
    if (answer instanceof Error) {
      return Promise.reject(answer);
    }
    const refusal = this.refusals[`${method} ${path}`];
    if (refusal) {
      return Promise.resolve(reply(422, JSON.stringify(refusal)));
    }
    const found = answer !== undefined;
    const text = JSON.stringify(found ? answer : { detail: `no ${path}`, code: 'not-found' });
    return Promise.resolve(reply(found ? 200 : 404, text));
  }

  url(path: string): string {
    return `/api/${path}`;
  }
}

function reply(status: number, text: string): Response {
  return {
    ok: status < 400,
    status,
    text: () => Promise.resolve(text),
    json: () => Promise.resolve(JSON.parse(text) as unknown)
  } as Response;
}

export class FakeEvents {
  connected = true;
  readonly received = new Signal<this, unknown>(this);
  readonly connectedChanged = new Signal<this, boolean>(this);
}

export interface IStage {
  galley: IGalley;
  transport: TableTransport;
  events: FakeEvents;
  went: Place[];
  opened: Place[];
  told: string[];
  debugged: [string, number, string | null][];
}

/** Somebody with these actions in the tenant "oncology". */
export function stage(
  answers: Answers = {},
  who: { user?: string; actions?: Action[]; decidesHere?: boolean } = {}
): IStage {
  const transport = new TableTransport(answers);
  const events = new FakeEvents();
  const me = new Resource<IMe>(() => Promise.reject(new Error('not asked')));
  me.set({
    user: who.user ?? 'ada',
    via: 'browser',
    xsrf: null,
    tenants: [{ name: 'oncology', actions: who.actions ?? ['read'], gates: [], profiles: [] }]
  } as unknown as IMe);
  const [went, opened, told]: [Place[], Place[], string[]] = [[], [], []];
  const debugged: [string, number, string | null][] = [];
  const galley: IGalley = {
    client: new Client(transport),
    events: events as unknown as EventStream,
    me,
    trans,
    decidesHere: who.decidesHere ?? true,
    homeTenant: null,
    go: place => void went.push(place),
    href: place => `/${place.kind}`,
    openWindow: place => void opened.push(place),
    debug: (run, attempt, task) => void debugged.push([run.id, attempt, task]),
    notify: message => void told.push(message)
  };
  return { galley, transport, events, went, opened, told, debugged };
}

let root: Root | null = null;
let box: HTMLElement | null = null;

/** Draw an element and let it settle. */
export async function draw(galley: IGalley, element: React.ReactElement): Promise<HTMLElement> {
  box ??= document.body.appendChild(document.createElement('div'));
  root ??= createRoot(box);
  const shown = <GalleyProvider value={galley}>{element}</GalleyProvider>;
  const into = root;
  await settle(() => into.render(shown));
  return box;
}

/** Take down what was drawn. */
export async function clear(): Promise<void> {
  const shown = root;
  await settle(() => shown?.unmount());
  box?.remove();
  root = box = null;
}

/** Do something and wait until all that follows from it is drawn. */
export async function settle(work: () => void = () => undefined): Promise<void> {
  await React.act(async () => {
    work();
    await new Promise(resolve => setTimeout(resolve));
  });
}

/** Wait until something holds; it fails when it does not in time. */
export async function until(holds: () => boolean, within = 5000): Promise<void> {
  for (const end = Date.now() + within; !holds();) {
    if (Date.now() > end) {
      throw new Error(`it did not come to hold: ${holds.toString()}`);
    }
    await React.act(() => new Promise(resolve => setTimeout(resolve, 20)));
  }
}

/** The button of this name; it fails when there is none. */
export function button(name: string): HTMLButtonElement {
  const all = [...document.querySelectorAll<HTMLButtonElement>('button')];
  const found = all.find(
    one => (one.getAttribute('aria-label') ?? one.textContent)?.trim() === name
  );
  if (!found) {
    throw new Error(`no button “${name}”, only ${all.map(one => one.textContent).join(', ')}`);
  }
  return found;
}

/** Why a button cannot be pressed; null where it can. */
export function reasonOf(name: string): string | null {
  const found = button(name);
  if (found.getAttribute('aria-disabled') !== 'true') {
    return null;
  }
  const hint = found.getAttribute('aria-describedby');
  return hint ? (document.getElementById(hint)?.textContent ?? '') : '';
}

/** Write into a field as a person does. */
export async function type(
  field: HTMLInputElement | HTMLTextAreaElement,
  text: string
): Promise<void> {
  const prototype =
    field instanceof HTMLTextAreaElement
      ? HTMLTextAreaElement.prototype
      : HTMLInputElement.prototype;
  await settle(() => {
    Object.getOwnPropertyDescriptor(prototype, 'value')?.set?.call(field, text);
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
}
