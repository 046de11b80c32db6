// The search of the site runs in a worker, and browsers start none from file://. Read from disk, the worker's script
// runs in a hidden frame instead, and its messages go through a channel.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    #channel = new MessageChannel();
    #frame = document.createElement("iframe");

    constructor(url) {
      super();
      const script = JSON.stringify(new URL(url, document.baseURI).href);
      this.#frame.hidden = true;
      this.#frame.srcdoc = `<script>
        addEventListener("message", (first) => {
          first.stopImmediatePropagation();
          const [port] = first.ports;
          self.postMessage = (data) => port.postMessage(data);
          const worker = document.createElement("script");
          worker.onload = () => {
            port.onmessage = ({ data }) => dispatchEvent(new MessageEvent("message", { data }));
          };
          worker.src = ${script};
          document.head.append(worker);
        }, { once: true });
      <\/script>`;
      this.#frame.onload = () => this.#frame.contentWindow.postMessage(null, "*", [this.#channel.port2]);
      this.#channel.port1.onmessage = ({ data }) => this.dispatchEvent(new MessageEvent("message", { data }));
      document.documentElement.append(this.#frame);
    }

    set onmessage(listener) {
      this.addEventListener("message", (event) => listener?.call(this, event));
    }

    postMessage(data) {
      this.#channel.port1.postMessage(data);
    }

    terminate() {
      this.#channel.port1.close();
      this.#frame.remove();
    }
  };
}
