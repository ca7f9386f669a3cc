const GREETINGS = { de: 'Guten Tag', en: 'Hello', es: 'Hola', fr: 'Bonjour' };
const MAX_NAME = 60;

/** The language a client likes best among those we speak, from its Accept-Language; English if it likes none. */
export function languageOf(accepted = '') {
  const wished = accepted.split(',').map((part) => {
    const [tag = '', ...parameters] = part.trim().toLowerCase().split(';');
    const weight = parameters
      .map((parameter) => /^\s*q=([01](?:\.\d{1,3})?)\s*$/.exec(parameter)?.[1])
      .find(Boolean);
    return { language: tag.split('-')[0], weight: weight === undefined ? 1 : Number(weight) };
  });
  const spoken = wished.filter(({ language, weight }) => Object.hasOwn(GREETINGS, language) && weight > 0);
  return spoken.sort((a, b) => b.weight - a.weight)[0]?.language ?? 'en';
}

/** A greeting for a name, without a name for everybody; overlong names are cut. */
export function greet(name, language) {
  const whom = [...(name ?? '').trim()].slice(0, MAX_NAME).join('');
  return whom === '' ? `${GREETINGS[language]}!` : `${GREETINGS[language]}, ${whom}!`;
}
