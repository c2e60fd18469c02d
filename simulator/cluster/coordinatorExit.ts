/** Exit codes by which the owner of a run tells a coordinator that ended from one that crashed. */
export const COORDINATOR_DONE = 0;
export const COORDINATOR_CANNOT_START = 3;
