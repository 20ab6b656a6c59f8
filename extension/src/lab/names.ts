/** Names under which others find what the plugins add. */
export const Commands = {
  publish: 'galley:publish',
  compareSession: 'galley:compare-session',
  compareRuns: 'galley:compare-runs',
  debugRun: 'galley:debug-run',
  runToFailed: 'galley:run-to-failed',
  openRun: 'galley:open-run',
  openReview: 'galley:open-review',
  openPipeline: 'galley:open-pipeline',
  openCalendar: 'galley:open-calendar',
  openStandalone: 'galley:open-standalone',
  showSidebar: 'galley:show-sidebar'
} as const;

export const PALETTE = 'Galley';

/** Id of the panel in the left area. */
export const SIDEBAR = 'galley-sidebar';
