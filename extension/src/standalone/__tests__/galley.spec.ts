import { PageGalley } from '../galley';

jest.mock('@jupyterlab/translation', () => ({ nullTranslator: { load: () => ({}) } }));

describe('PageGalley', () => {
  it('learns who one is as soon as the service answers again', async () => {
    jest.useFakeTimers();
    window.matchMedia = () => new EventTarget() as MediaQueryList;
    let status = 503;
    globalThis.fetch = ((address: string) =>
      address.endsWith('/events')
        ? new Promise(() => undefined)
        : Promise.resolve({
            ok: status === 200,
            status,
            text: () => Promise.resolve(''),
            json: () => Promise.resolve({ user: 'ada', tenants: [] })
          })) as unknown as typeof fetch;
    const galley = new PageGalley(window);
    await jest.advanceTimersByTimeAsync(1000);
    expect(galley.me.problem?.status).toBe(503);
    status = 200;
    await jest.advanceTimersByTimeAsync(1000);
    expect(galley.me.value?.user).toBe('ada');
    galley.events.dispose();
    galley.me.dispose();
  });
});
