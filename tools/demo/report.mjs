// What a run did, read from the records that it leaves in .goldenthread/<image>/.
import fs from 'node:fs';
import path from 'node:path';

import { seconds, table } from '../say.mjs';

const readJson = (file) => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : null);

/** What became of each image in a run that began at `since` (ms). Records of earlier runs say "reused". */
export function outcomes(workspace, since) {
  const folder = path.join(workspace, '.goldenthread');
  const images = fs.existsSync(folder) ? fs.readdirSync(folder).sort() : [];
  return images.flatMap((image) => {
    const artifact = readJson(path.join(folder, image, 'artifact.json'));
    const evidence = readJson(path.join(folder, image, 'evidence.json'));
    if (artifact === null) return [];
    const cases = evidence?.suites.flatMap((suite) => suite.cases) ?? [];
    return [
      {
        image,
        digest: artifact.digest,
        size: artifact.size,
        builder: artifact.builder.name,
        baked: Date.parse(artifact.time) >= since,
        bakeSeconds: artifact.seconds,
        // Evidence names the artifact it is about: of another one it says nothing.
        tested: evidence?.artifact === artifact.digest ? Date.parse(evidence.time) >= since : null,
        testSeconds: evidence?.seconds ?? 0,
        passed: cases.filter(({ outcome }) => outcome === 'passed').length,
      },
    ];
  });
}

const bakeCell = ({ baked, bakeSeconds, builder }) =>
  baked ? `baked by ${builder} in ${seconds(bakeSeconds)}` : `reused (${builder})`;

function testCell({ tested, testSeconds, passed }) {
  if (tested === null) return 'none';
  return tested ? `${passed} passed in ${seconds(testSeconds)}` : `${passed} passed before, reused`;
}

/** The summary: for each act, what became of each image. */
export function summary(acts) {
  const rows = acts.flatMap(({ name, took, images }) =>
    images.map((image, at) => [
      at === 0 ? name : '',
      image.image,
      bakeCell(image),
      testCell(image),
      `${(image.size / 1024 / 1024).toFixed(1)} MiB`,
      at === 0 ? seconds(took) : '',
    ]),
  );
  return table(['what', 'image', 'bake', 'tests', 'size', 'time in all'], rows);
}
