import type { KubeConfig } from '@kubernetes/client-node';
import { fail, near, ok, type Failure, type Result, type StackOrder } from '@goldenthread/core';

const HINT = 'Set KUBECONFIG, or write ~/.kube/config, or run inside a cluster.';

const unusable = (detail: string, hint = HINT): Result<never> => fail({ code: 'usage', detail, hint });

// What follows the first line of a YAML error is the text itself, with its tokens.
const brief = (error: unknown): string =>
  (error instanceof Error ? error.message : 'unreadable').split('\n')[0] ?? '';

function unknownContext(config: KubeConfig, context: string, file: string): Failure {
  const names = config.getContexts().map(({ name }) => name);
  const [close] = near(context, names);
  return {
    code: 'usage',
    detail: `the kubeconfig has no context ${context}; it has ${names.join(', ') || 'none'}`,
    hint: close === undefined ? `Correct kubernetes.context in ${file}.` : `Did you mean ${close}?`,
  };
}

/**
 * The kubeconfig as the client library finds it (KUBECONFIG, ~/.kube/config, the service account of a pod), with the context
 * that the stack names. Fails with `usage` where there is none, or it has no such context.
 */
export async function loadConfig({ stack }: StackOrder): Promise<Result<KubeConfig>> {
  const { KubeConfig: Config } = await import('@kubernetes/client-node');
  const config = new Config();
  try {
    config.loadFromDefault();
  } catch (error) {
    return unusable(`the kubeconfig cannot be read: ${brief(error)}`);
  }
  // What the library makes up where it finds nothing: a server without encryption on this machine.
  if (config.getCurrentContext() === 'loaded-context') return unusable('there is no kubeconfig');
  const { context } = stack.kubernetes;
  if (context !== undefined) {
    if (!config.getContextObject(context)) return fail(unknownContext(config, context, stack.file));
    config.setCurrentContext(context);
  }
  if (!config.getCurrentContext())
    return unusable('the kubeconfig names no current context', `Set kubernetes.context in ${stack.file}.`);
  if (!config.getCurrentCluster()?.server)
    return unusable(
      `the context ${config.getCurrentContext()} of the kubeconfig names no cluster that it has`,
    );
  return ok(config);
}
