import { afterEach, expect, it, vi } from 'vitest';
import { awsSettings } from './aws-client.ts';

const { version } = process;
afterEach(() => {
  Object.defineProperty(process, 'version', { value: version });
  vi.restoreAllMocks();
});

it('prints nothing on stderr that nobody can do anything about', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined);
  // The SDK says it once for each process, of a Node that is old enough.
  Object.defineProperty(process, 'version', { value: 'v20.20.0' });
  const { EC2 } = await import('@aws-sdk/client-ec2');
  new EC2(awsSettings({}, 'eu-west-1')).destroy();
  expect(warned).not.toHaveBeenCalled();
});
