/** The clusters that the person named: addresses in the settings, headers (a token, say) in the secret storage. */
import { readFile } from "node:fs/promises";
import * as vscode from "vscode";
import { FaultlineError } from "../../simulator/graph/errors";
import type { ClusterAddress } from "../../simulator/flink/restTransport";
import { inputOf } from "../personInput";
import { readSetting } from "../setting";

export const CLUSTERS_SETTING = "faultline.flink.clusters";
export const PEM_SETTINGS = [
  "faultline.flink.certificateAuthority",
  "faultline.flink.certificate",
  "faultline.flink.key",
] as const;

export class FlinkClusters {
  constructor(private readonly secrets: vscode.SecretStorage) {}

  /** Addresses, in the order of the setting. */
  urls(): readonly string[] {
    const urls = readSetting(CLUSTERS_SETTING)
      .split(/[\s,]+/)
      .filter((url) => url !== "");
    return [...new Set(urls)];
  }

  /** @throws FaultlineError FL1001 for a certificate that cannot be read */
  async address(url: string): Promise<ClusterAddress> {
    const header = await this.secrets.get(secretKey(url));
    const match = /^([^:\s]+)\s*:\s*(.*)$/.exec(header ?? "");
    const tls = url.startsWith("https:") ? await certificates() : undefined;
    return {
      url,
      ...(tls === undefined ? {} : { tls }),
      ...(match?.[1] === undefined || match[2] === undefined
        ? {}
        : { headers: { [match[1].toLowerCase()]: match[2] } }),
    };
  }

  /** Asks for an address, and gives it back once it is in the settings. */
  async add(): Promise<string | undefined> {
    const url = await inputOf({
      title: "Add Flink Cluster",
      prompt: "Address of the cluster's REST interface, the one of Flink's own web page.",
      placeHolder: "http://localhost:8081",
      ignoreFocusOut: true,
      validateInput: (text) =>
        /^https?:\/\/[^\s,/]+[^\s,]*$/.test(text.trim()) ? undefined : "Write http://HOST:8081.",
    });
    if (url === undefined) return undefined;
    await this.save([...this.urls(), url.trim()]);
    return url.trim();
  }

  async remove(url: string): Promise<void> {
    await this.secrets.delete(secretKey(url));
    await this.save(this.urls().filter((one) => one !== url));
  }

  /** Asks for the header that every request carries. It goes into the secret storage, not into the settings. */
  async setHeader(url: string): Promise<void> {
    const header = await inputOf({
      title: `Header for ${url}`,
      prompt: "Sent with every request and kept in the secret storage. Leave it empty to send none.",
      placeHolder: "authorization: Bearer TOKEN",
      password: true,
      ignoreFocusOut: true,
    });
    if (header === undefined) return;
    if (header === "") {
      await this.secrets.delete(secretKey(url));
      return;
    }
    if (!/^[A-Za-z0-9-]+\s*:\s*[^\r\n]+$/.test(header)) {
      throw FaultlineError.of("FL1000", "A header is written wrongly.", "Write NAME: VALUE.");
    }
    await this.secrets.store(secretKey(url), header);
  }

  private async save(urls: readonly string[]): Promise<void> {
    await vscode.workspace
      .getConfiguration()
      .update(CLUSTERS_SETTING, [...new Set(urls)].join(", "), vscode.ConfigurationTarget.Global);
  }
}

/** The files that the settings name. */
async function certificates(): Promise<NonNullable<ClusterAddress["tls"]>> {
  const pem = async (id: (typeof PEM_SETTINGS)[number]): Promise<string | undefined> => {
    const file = readSetting(id);
    if (file === "") return undefined;
    return readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      throw FaultlineError.of(
        "FL1001",
        `The file of the setting ${id} cannot be read (${error.code ?? error.message}).`,
        "Check the path.",
        { file },
        error,
      );
    });
  };
  const [ca, cert, key] = await Promise.all(PEM_SETTINGS.map(pem));
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function secretKey(url: string): string {
  return `faultline.flink.header:${url}`;
}
