/** Stands for JupyterLab's icons, which no test looks at. */
const icon = { react: () => null };

export class LabIcon {
  react = () => null;
}

export const bugIcon = icon;
export const caretLeftIcon = icon;
export const caretRightIcon = icon;
export const closeIcon = icon;
export const downloadIcon = icon;
export const launchIcon = icon;
export const refreshIcon = icon;
export const runIcon = icon;
export const searchIcon = icon;
export const stopIcon = icon;
