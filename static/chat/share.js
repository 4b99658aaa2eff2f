/** Opens what lets others in to a conversation. */
export async function openShare(conversation) {
  throw new Error(`nothing is there yet to share ${conversation} with`);
}
