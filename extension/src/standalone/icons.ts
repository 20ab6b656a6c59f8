/** Icons that only this page needs. */
import { LabIcon } from '@jupyterlab/ui-components';

const svg = (path: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="${path}"/></svg>`;

export const moonIcon = new LabIcon({
  name: 'galley:moon',
  svgstr: svg('M12.100 3a9 9 0 1 0 8.900 10.200 7 7 0 0 1-8.900-10.200z')
});

export const sunIcon = new LabIcon({
  name: 'galley:sun',
  svgstr: svg(
    'M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10M11 1h2v3.500h-2zm0 18.500h2V23h-2zM1 11h3.500v2H1zm18.500 0H23v2h-3.500zM3.500 4.900l1.400-1.400 2.500 2.500L6 7.400zm13.100 13.100 1.400-1.400 2.500 2.500-1.400 1.400zm2.500-14.500 1.400 1.400L18 7.400 16.600 6zM6 16.600 7.400 18l-2.500 2.500-1.400-1.400z'
  )
});
