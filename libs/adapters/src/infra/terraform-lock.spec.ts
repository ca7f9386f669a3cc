import { describe, expect, it } from 'vitest';
import { lockHolder } from './terraform-lock.ts';

const diagnostic = (detail: string, summary = 'Error acquiring the state lock') => ({
  severity: 'error' as const,
  summary,
  detail,
});

const INFO =
  'Lock Info:\n  ID:        c5ad8f20\n  Path:      bucket/key\n  Operation: OperationTypeApply\n  Who:       root@vm\n  Version:   1.11.4\n  Created:   2026-11-21 16:31:38.236930943 +0000 UTC\n  Info:      \n\n\nTerraform acquires a state lock';

describe('lockHolder', () => {
  it('reads who holds a lock', () => {
    expect(lockHolder(diagnostic(`Error message: ConditionalCheckFailedException\n${INFO}`))).toEqual({
      id: 'c5ad8f20',
      who: 'root@vm',
      operation: 'OperationTypeApply',
      created: '2026-11-21 16:31:38.236930943 +0000 UTC',
    });
  });

  it('does not take the lock that was tried for the one that is held, as the backend http shows them', () => {
    expect(
      lockHolder(diagnostic(`Error message: HTTP remote state already locked: ID=ef0f11da\n${INFO}`)),
    ).toEqual({ id: 'ef0f11da', who: null, operation: null, created: null });
  });

  it('knows nobody where nobody is named, and is not about other errors', () => {
    expect(lockHolder(diagnostic('Error message: resource temporarily unavailable'))).toEqual({
      id: null,
      who: null,
      operation: null,
      created: null,
    });
    expect(lockHolder(diagnostic('', 'Error running apply'))).toBeNull();
  });
});
