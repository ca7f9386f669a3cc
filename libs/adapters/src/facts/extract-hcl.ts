import {
  ABSENT,
  all,
  folder,
  join,
  packerFacts,
  terraformFacts,
  type FactRequest,
  type Facts,
  type JsonSource,
  type Result,
} from '@goldenthread/core';
import { parseHcl, parseJson } from './hcl.ts';
import { declaredAbove, failing, namesIn, source, type Reader } from './sources.ts';

async function parsed(paths: readonly string[], reader: Reader): Promise<Result<readonly JsonSource[]>> {
  const sources = paths.map((path) => source(path, reader)).filter((file) => file !== null);
  const results = sources.map(async (file): Promise<Result<JsonSource>> => {
    if (!file.ok) return file;
    const json = file.value.path.endsWith('.json') ? parseJson(file.value) : await parseHcl(file.value);
    return json.ok ? { ok: true, value: { ...file.value, json: json.value } } : json;
  });
  return all(await Promise.all(results));
}

/** Files of a folder that a tool reads by their names; hidden files and editors' leftovers are left out as the tools do. */
const named = (path: string, reader: Reader, pattern: RegExp): readonly string[] =>
  namesIn(path, reader)
    .filter((name) => pattern.test(name) && !/^\.|~$|^#/.test(name))
    .map((name) => join(path, name))
    .filter((file) => !reader.ignored(file));

/** Facts of a folder of Terraform files. */
export async function terraform({ path }: FactRequest, reader: Reader): Promise<Facts> {
  const paths = named(path, reader, /\.tf(?:\.json)?$/);
  if (paths.length === 0) return ABSENT;
  const files = await parsed(paths, reader);
  return files.ok ? terraformFacts(path, files.value) : failing(files.failures);
}

/** Facts of a template of Packer, or a folder of them. */
export async function packer({ path }: FactRequest, reader: Reader): Promise<Facts> {
  const isFolder = reader.read(path).names !== undefined;
  const paths = isFolder
    ? named(path, reader, /\.pkr\.(?:hcl|json)$|\.auto\.pkrvars\.(?:hcl|json)$/)
    : [path];
  const files = await parsed(paths, reader);
  if (!files.ok) return failing(files.failures);
  if (files.value.length === 0) return ABSENT;
  const here = isFolder ? path : folder(path);
  return packerFacts(declaredAbove(here, ['image'], reader) ?? here, files.value);
}
