import { useEffect, useState } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import Markdown from "react-markdown";
import remarkGfm from "remark-gfm";

const plugins = [remarkGfm];

/** As its documentation has it: the text is state, and every chunk changes it, and is drawn. */
function Reply({ onReady }) {
  const [text, setText] = useState("");
  useEffect(() => onReady(setText), [onReady]);
  return <Markdown remarkPlugins={plugins}>{text}</Markdown>;
}

export async function open(element) {
  const setText = await new Promise((onReady) => {
    createRoot(element).render(<Reply onReady={onReady} />);
  });
  return {
    append: (chunk) => flushSync(() => setText((text) => text + chunk)),
    end: () => {},
  };
}
