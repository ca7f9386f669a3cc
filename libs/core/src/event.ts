/** What happens while a command runs; loggers turn events into text and nothing else prints. */
export type Event =
  | { readonly type: 'started'; readonly project: string; readonly what: string }
  | { readonly type: 'step'; readonly project: string; readonly step: string; readonly state: 'started' }
  | {
      readonly type: 'step';
      readonly project: string;
      readonly step: string;
      readonly state: 'done' | 'reused' | 'failed';
      readonly seconds: number;
    }
  | { readonly type: 'output'; readonly project: string; readonly line: string }
  | { readonly type: 'note'; readonly project: string; readonly text: string }
  | { readonly type: 'waiting'; readonly project: string; readonly what: string };
