// Which of the jobs that were read are listed, and in which order. Pure: knows no request and no element.

const SORTS = {
  duration: ({ accepted_at: from, ended_at: to }) => (to ? new Date(to) - new Date(from) : -1),
  attempts: ({ attempts }) => attempts ?? 0,
};

/** The jobs whose id, file name or reference has `find` in it, most of `sort` first; without one, newest first. */
export function arranged(jobs, { find = "", sort = "" }) {
  const sought = find.toLowerCase();
  const has = (text) => Boolean(text) && text.toLowerCase().includes(sought);
  const found = sought ? jobs.filter(({ id, filename, reference }) => [id, filename, reference].some(has)) : jobs;
  const measure = SORTS[sort];
  return measure ? found.toSorted((one, other) => measure(other) - measure(one)) : found;
}
