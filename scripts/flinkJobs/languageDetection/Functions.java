package job;

import java.text.Normalizer;
import java.util.Map;

/** The functions of the example job `language-detection` in Java, for the places of its exported project. They follow functions/messages.ts and functions/ngrams.ts. */
public final class Functions {
  private static final String[] LABELS = {"ca", "da", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "ru", "sv", "uk"};
  private static final int SLOTS = 256;
  private static final int BUCKETS = 16_384;
  private static final int LONGEST = 4;
  private static final int MAX_UNITS = 4_000;

  public static Record toFeatures(Record message) {
    return new Record()
        .with("id", message.get("id"))
        .with("text", message.get("text"))
        .with("truth", message.get("language"))
        .with("ngrams", hashedNgrams(message.text("text")));
  }

  public static Map<String, Tensor> request(Record value) {
    return Map.of("ngrams", Tensor.of((int[]) value.get("ngrams")));
  }

  public static Record response(Record value, Map<String, Tensor> outputs) {
    float[] probabilities = (float[]) outputs.get("probabilities").data();
    int best = 0;
    for (int label = 1; label < LABELS.length; label++) if (probabilities[label] > probabilities[best]) best = label;
    return new Record()
        .with("id", value.get("id"))
        .with("text", value.get("text"))
        .with("language", LABELS[best])
        .with("confidence", (double) probabilities[best])
        .with("truth", value.get("truth"));
  }

  private static int[] hashedNgrams(String text) {
    char[] units = wordUnits(Normalizer.normalize(text.substring(0, Math.min(text.length(), MAX_UNITS)), Normalizer.Form.NFC));
    int[] ids = new int[units.length * LONGEST];
    int count = 0;
    for (int length = 1; length <= LONGEST; length++) {
      for (int start = 0; start + length <= units.length; start++) {
        int id = ngramId(units, start, length);
        if (id != 0) ids[count++] = id;
      }
    }
    int[] slots = new int[SLOTS];
    for (int slot = 0; slot < SLOTS; slot++) {
      if (count > SLOTS) slots[slot] = ids[(int) ((long) slot * count / SLOTS)];
      else if (slot < count) slots[slot] = ids[slot];
    }
    return slots;
  }

  private static char[] wordUnits(String text) {
    StringBuilder units = new StringBuilder(" ");
    for (int i = 0; i < text.length(); i++) {
      char letter = letterOf(text.charAt(i));
      if (letter != 0) units.append(letter);
      else if (units.charAt(units.length() - 1) != ' ') units.append(' ');
    }
    if (units.charAt(units.length() - 1) != ' ') units.append(' ');
    return units.toString().toCharArray();
  }

  private static char letterOf(char unit) {
    if (unit == '\'' || unit == '\u2019' || unit == '\u02bc') return '\'';
    if (unit == '\u00b7') return unit;
    int type = Character.getType(unit);
    boolean mark = type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK || type == Character.COMBINING_SPACING_MARK;
    if (!Character.isLetter(unit) && !mark) return 0;
    String lower = String.valueOf(unit).toLowerCase(java.util.Locale.ROOT);
    return lower.length() == 1 ? lower.charAt(0) : unit;
  }

  private static int ngramId(char[] units, int start, int length) {
    if (length == 1 && units[start] == ' ') return 0;
    int hash = 0x811c9dc5;
    for (int offset = 0; offset < length; offset++) {
      char unit = units[start + offset];
      if (unit == ' ' && offset > 0 && offset < length - 1) return 0;
      hash = (hash ^ unit) * 0x01000193;
    }
    hash = (hash ^ (hash >>> 15)) * 0x2c1b3c6d;
    hash = (hash ^ (hash >>> 12)) * 0x297a2d39;
    hash ^= hash >>> 15;
    return 1 + Integer.remainderUnsigned(hash, BUCKETS - 1);
  }

  private Functions() {}
}
