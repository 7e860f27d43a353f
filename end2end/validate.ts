// Whether what a server sent is HTML that holds to the letter.
import { HtmlValidate } from "html-validate";

/** How things are written, which is a matter of taste, is not judged. */
const judge = new HtmlValidate({
  extends: ["html-validate:recommended", "html-validate:a11y"],
  rules: { "void-style": "off", "no-trailing-whitespace": "off", "doctype-style": "off", "form-dup-name": ["error", { shared: ["radio", "checkbox", "button", "reset", "submit"] }] },
});

export async function faults(html: string): Promise<string[]> {
  const { results } = await judge.validateString(html);
  return results.flatMap((result) => result.messages.map(({ line, column, ruleId, message }) => `${line}:${column} ${ruleId}: ${message}`));
}
