import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { bodyOf, drop } from './http.ts';
import { corrupt } from './place.ts';
import { expecting, type Session } from './session.ts';

/** The most bytes that a manifest or a page of a listing may have. */
export const MAX_LISTING = 4 << 20;

const MOST_PAGES = 1000;

/** Where the next page is, as a `Link` header says it. */
const nextPage = (link: string | null): string | null =>
  /<([^>]+)>\s*;\s*rel="?next"?/i.exec(link ?? '')?.[1] ?? null;

/** All entries of a listing, page by page; null where the registry has none at this address. */
export async function pages(
  session: Session,
  { at: first, scope, what }: { readonly at: string; readonly scope: string; readonly what: string },
  entries: (body: object) => readonly unknown[],
  call: Call,
): Promise<Result<readonly unknown[] | null>> {
  const found: unknown[] = [];
  let at: string | null = first;
  for (let count = 0; at !== null && count < MOST_PAGES; count += 1) {
    const asked = await session.ask(
      { method: 'GET', at: new URL(at, session.url(first)), scope, what },
      call,
    );
    if (asked.ok && asked.value.status === 404) {
      await drop(asked.value);
      return ok(null);
    }
    const answered = await expecting(session, asked, { statuses: [200], what, doing: 'a listing' }, call);
    if (!answered.ok) return answered;
    const bytes = await bodyOf(answered.value, MAX_LISTING, { what, idle: session.patience.idle }, call);
    if (!bytes.ok) return bytes;
    try {
      const page = entries(JSON.parse(Buffer.from(bytes.value).toString('utf8')) as object);
      if (!Array.isArray(page)) throw new TypeError('no list');
      found.push(...(page as readonly unknown[]));
    } catch {
      return fail(corrupt(what, 'a listing', 'something else'));
    }
    at = nextPage(answered.value.header('link'));
  }
  return ok(found);
}
