/** The graph view's start: builds the page and hands every message of the host to the view. */
import "./styleNonce";
import { GraphPage } from "./graphPage";

const host = document.getElementById("faultline");
if (host !== null) new GraphPage(host);
