// The search wants every word of a query, and a pasted message has names and numbers of the reader's own.
// So of a query of many words those are left out that the best place does not have.
window.Worker = class extends window.Worker {
  postMessage(message) {
    if (message.type === SETUP) this.places = onceAsked(() => new Places(message.data))
    const isLong = message.type === QUERY && message.data.input.trim().split(/\s+/).length >= FEWEST
    super.postMessage(isLong ? { ...message, data: { ...message.data, input: this.places().known(message.data.input) } } : message)
  }
}

const SETUP = 0 // what the site tells its search: the index, and later each query
const QUERY = 2
const FEWEST = 5 // words of a query that is a message; fewer are searched for as they are, with the search's tolerance of misspellings

class Places {
  constructor({ config, items }) {
    this.separator = new RegExp(config.separator, "u")
    this.words = items.map(({ title, text }) => [...this.wordsOf(`${title} ${text}`.replace(/<[^>]*>/g, " "))])
  }

  wordsOf(text) {
    return new Set(text.normalize("NFKD").toLowerCase().split(this.separator).filter(Boolean))
  }

  // The words of a query that the best place has. That is the one with the most of them, where a rare word counts more.
  known(query) {
    const found = [...this.wordsOf(query)].map(word => {
      const places = this.words.flatMap((words, place) => words.some(each => each.startsWith(word)) ? [place] : [])
      return { word, places: new Set(places), weight: Math.log(this.words.length / (places.length || 1)) }
    })
    const scores = this.words.map((_, place) => found.reduce((sum, each) => sum + (each.places.has(place) ? each.weight : 0), 0))
    const best = scores.indexOf(Math.max(...scores))
    return found.filter(({ places }) => places.has(best)).map(({ word }) => word).join(" ") || query
  }
}

function onceAsked(make) {
  let made
  return () => made ??= make()
}
