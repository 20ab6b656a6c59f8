/** Loader: replaces the `:root` of a JupyterLab theme by the selector under which it holds. */
export default function scopeTheme(source) {
  const { selector } = this.getOptions();
  return source.replace(/(^|\n):root\b/g, `$1${selector}`);
}
