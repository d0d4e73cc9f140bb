// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	mostWatchers = 64               // pages that are kept up to date
	mostWaiting  = 16               // messages that wait for a slow page, before it is left
	aliveTime    = 15 * time.Second // after which a page that hears nothing is told that the server lives
	writeTime    = 10 * time.Second // for a message
	lookTime     = time.Second      // between two looks at the runs that pages show
	rowTime      = 3 * time.Second  // between two looks at the rows of runs that go on
	searchTime   = 3 * time.Second  // between two searches of the places, at least
	searchShare  = 100              // a search takes at most such a part of the time
)

// A message is one server-sent event.
type message struct {
	name string
	data []byte
}

// A watcher is a page that is kept up to date.
type watcher struct {
	run     string // the id of the run that it shows, if any
	waiting chan message
}

// A hub hands messages to the watchers. While there are none nobody looks at the runs.
type hub struct {
	mu       sync.Mutex
	watchers map[*watcher]bool
	awake    chan struct{} // has an element when a watcher came
}

func newHub() *hub { return &hub{watchers: map[*watcher]bool{}, awake: make(chan struct{}, 1)} }

// join adds a watcher; nil: there are too many.
func (h *hub) join(run string) *watcher {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) >= mostWatchers {
		return nil
	}
	w := &watcher{run, make(chan message, mostWaiting)}
	h.watchers[w] = true
	select {
	case h.awake <- struct{}{}:
	default:
	}
	return w
}

// leave removes a watcher.
func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers[w] {
		delete(h.watchers, w)
		close(w.waiting)
	}
}

// shown returns the ids of the runs that are watched, and how many watchers there are.
func (h *hub) shown() (runs map[string]bool, watchers int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	runs = map[string]bool{}
	for w := range h.watchers {
		if w.run != "" {
			runs[w.run] = true
		}
	}
	return runs, len(h.watchers)
}

// tell hands a message to the watchers of a run, or to all if run is "". A watcher that does not read is left: its page
// will come back and ask for everything.
func (h *hub) tell(run, name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if run != "" && w.run != run {
			continue
		}
		select {
		case w.waiting <- message{name, data}:
		default:
			delete(h.watchers, w)
			close(w.waiting)
		}
	}
}

// live streams what changes: "rows" and "gone" of the table, and "run" of the run that the page shows.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	watching := s.hub.join(r.URL.Query().Get("run"))
	if watching == nil {
		refuse(w, http.StatusServiceUnavailable, "%d pages are kept up to date already: close some", mostWatchers)
		return
	}
	defer s.hub.leave(watching)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	if out.SetReadDeadline(time.Time{}) != nil { // that of a request, which would end the stream
		return
	}
	send := func(text string) bool {
		if out.SetWriteDeadline(time.Now().Add(writeTime)) != nil {
			return false
		}
		_, err := fmt.Fprint(w, text)
		return err == nil && out.Flush() == nil
	}
	alive := time.NewTicker(aliveTime)
	defer alive.Stop()
	if !send("retry: 2000\n\n") {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		case <-alive.C:
			if !send(": alive\n\n") {
				return
			}
		case m, more := <-watching.waiting:
			if !more || !send("event: "+m.name+"\ndata: "+string(m.data)+"\n\n") {
				return
			}
		}
	}
}

// follow looks at the places and at the runs that pages show, as long as there are pages.
func (s *Server) follow(ctx context.Context) {
	var searched, rows time.Time
	pause := searchTime
	for {
		runs, watchers := s.hub.shown()
		if watchers == 0 {
			select {
			case <-ctx.Done():
				return
			case <-s.hub.awake:
			}
			continue
		}
		if began := time.Now(); began.Sub(searched) >= pause {
			s.catalogue.look(ctx, lookTime)
			searched = time.Now()
			rows, pause = searched, max(searchTime, searchShare*searched.Sub(began))
		} else if began.Sub(rows) >= rowTime {
			s.catalogue.lookRunning(ctx)
			rows = time.Now()
		}
		for id := range runs {
			if f := s.catalogue.folder(id); f != nil && f.kind == kindRun {
				s.advance(ctx, f)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookTime):
		}
	}
}

// advance reads what a run has written, and tells the pages that show it. One goroutine does so at a time.
func (s *Server) advance(ctx context.Context, f *folder) {
	log := s.logs.of(f)
	if !log.advancing.CompareAndSwap(false, true) {
		return
	}
	defer log.advancing.Store(false)
	var told time.Time
	for ctx.Err() == nil {
		state, err := log.Update(portionBytes)
		if err != nil || !state.Changed {
			return
		}
		if state.Complete() || time.Since(told) > tellTime {
			s.hub.tell(f.id, "run", progressOf(log, state))
			told = time.Now()
		}
		if state.Complete() {
			return
		}
	}
}

// update reads a part of what a run has written, unless somebody does so already.
func (l *runLog) update() error {
	if l.advancing.Load() {
		return nil
	}
	_, err := l.Update(portionBytes)
	return err
}

const (
	portionBytes = 1 << 20                // of metrics.jsonl are read at a time, during which curves wait
	tellTime     = 300 * time.Millisecond // between two messages while a long log is read
)
