// Search runs in a Worker, which browsers refuse to a page that is opened from a folder (file://).
// There a hidden frame takes its place: the same script, events and messages.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.appendChild(this.frame)
      this.ready = new Promise(resolve => { this.frame.contentWindow.onready = resolve })
      const page = this.frame.contentWindow
      page.postMessage = data => {
        const event = new MessageEvent("message", { data: structuredClone(data) })
        this.dispatchEvent(event)
        if (this.onmessage) this.onmessage(event)
      }
      page.importScripts = (...urls) => urls.reduce((before, each) => before.then(() => load(page, each)), Promise.resolve())
      load(page, url).then(() => page.onready())
    }
    postMessage(data) {
      const copy = structuredClone(data) // the sender may change it
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data: copy })))
    }
    terminate() {
      this.frame.remove()
    }
  }

  function load(page, url) {
    return new Promise((resolve, reject) => {
      const script = page.document.createElement("script")
      script.src = url
      script.onload = resolve
      script.onerror = reject
      page.document.body.appendChild(script)
    })
  }
}
