/** The icons that JupyterLab's own set lacks. */
import { LabIcon } from '@jupyterlab/ui-components';
import galleySvg from '../../style/icons/galley.svg';
import publishSvg from '../../style/icons/publish.svg';

export const galleyIcon = new LabIcon({ name: 'galley:galley', svgstr: galleySvg });
export const publishIcon = new LabIcon({ name: 'galley:publish', svgstr: publishSvg });
