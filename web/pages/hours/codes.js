// What the code of an ended job means, in a sentence. The same as in docs/http.md. Pure.

const MEANS = {
  undecodable: "The image is damaged.",
  pixels_over_limit: "The image has too many pixels, which its head did not tell.",
  frames_over_limit: "The animation has too many frames.",
  operation_failed: "The recipe cannot be done with this image.",
  sandbox_violation: "The decoder tried what it may not do: the file may be an attack.",
  deadline_exceeded: "It took longer than a job may.",
  memory_over_limit: "It needed more memory than a decoder may have.",
  decoder_crashed: "The file crashed the decoder, twice.",
  decoder_lost: "The decoder or its worker was lost.",
  store_error: "A store failed.",
  original_missing: "The original is gone.",
  quarantined: "These bytes with this recipe crashed a decoder before. A requeue lifts it.",
  source_refused: "The address of its original must not be fetched, or its server refuses it.",
  source_unreachable: "The address of its original gave nothing, five times.",
  upload_too_large: "The original at its address is larger than an upload may be.",
  unsupported_type: "The file at its address is no image of a type that is read.",
  attempts_used_up: "It was tried as often as is allowed. Requeue it when the cause is mended.",
  lost_too_often: "Its workers were lost too often before they began.",
  expired: "It was not begun in time. Requeue it if it is still wanted.",
  cancelled: "Someone cancelled it.",
};

/** The sentence; empty for a code that this page does not know. */
export const means = (code) => MEANS[code] ?? "";
