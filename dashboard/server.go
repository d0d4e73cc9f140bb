// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	neturl "net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/parallax-ssl/parallax/internal/loopback"
	"github.com/parallax-ssl/parallax/lab/report"
)

// DefaultAddr is where the dashboard listens unless it is told otherwise.
const DefaultAddr = "127.0.0.1:8090"

// Options configure a [Server].
type Options struct {
	Dirs   []string // folders that hold runs, clusterings and laboratories, at any depth; at least one
	Addr   string   // "": DefaultAddr
	Token  string   // "": a random one
	Engine Engine   // nil: what needs an encoder is not shown
	// Methods are the titles of methods in the reports of laboratories.
	Methods report.Methods
	Log     *slog.Logger
	// Listening is called with the address to open, which holds the token.
	Listening func(url string)
}

// Server shows what is in some folders. It is an http.Handler.
type Server struct {
	o         Options
	local     bool   // it listens on the loopback
	cookie    string // the name of the token's
	limits    limits
	catalogue *catalogue
	hub       *hub
	logs      *logs
	compared  *comparedRuns
	albums    *albums
	maps      *atlas
	jobs      *jobs
	drawing   chan struct{} // has an element for everyone who reads and draws images
	editing   sync.Mutex    // held by whoever changes notes
	handler   http.Handler

	ctx  context.Context // ends with the server
	end  context.CancelFunc
	work sync.WaitGroup // what goes on beside requests
}

// New opens the folders. Close the server after use.
func New(o Options) (*Server, error) {
	o.Addr = cmp.Or(o.Addr, DefaultAddr)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Token == "" {
		o.Token = rand.Text()
	}
	if len(o.Token) < leastToken {
		return nil, fmt.Errorf("the token has %d characters: give at least %d that nobody can guess", len(o.Token),
			leastToken)
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\",;\\", r)
	}) {
		return nil, errors.New("the token has spaces, quotes, or characters that are not ASCII, which a cookie " +
			"cannot carry: choose another one")
	}
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return nil, fmt.Errorf("--addr %s: give HOST:PORT, such as %s: %w", o.Addr, DefaultAddr, err)
	}
	s := &Server{
		o: o, local: loopback.Is(host), cookie: "parallax", limits: usualLimits, hub: newHub(), logs: newLogs(),
		compared: &comparedRuns{newRecent[comparedRun](mostCompared)}, albums: &albums{all: map[string]*album{}},
		drawing: make(chan struct{}, mostDrawing), maps: newAtlas(), jobs: newJobs(o.Log),
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.catalogue = newCatalogue(func(f found) { s.hub.tell("", "rows", f) })
	for _, dir := range o.Dirs {
		p, err := openPlace(dir)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening %s: %w", dir, err), s.Close())
		}
		s.catalogue.places = append(s.catalogue.places, p)
	}
	if len(s.catalogue.places) == 0 {
		return nil, errors.New("no folder was named")
	}
	s.handler = s.observed(s.guarded(s.routes()))
	return s, nil
}

// Close ends what goes on beside requests, and closes the folders.
func (s *Server) Close() error {
	s.end()
	s.work.Wait()
	s.jobs.stop()
	var errs []error
	for _, p := range s.catalogue.places {
		errs = append(errs, p.root.Close())
	}
	return errors.Join(errs...)
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// background does something beside requests until the server ends.
func (s *Server) background(do func(ctx context.Context)) { s.work.Go(func() { do(s.ctx) }) }

// limits bound what a client can hold.
type limits struct {
	connections int
	header      time.Duration // for the head of a request
	request     time.Duration // for all of it
	answer      time.Duration // from the head to the end of the answer; for a stream, each message has writeTime
	idle        time.Duration // between two requests
}

var usualLimits = limits{connections: 512, header: 5 * time.Second, request: 10 * time.Second, answer: time.Minute,
	idle: 15 * time.Second}

// Run serves the folders until ctx ends, and returns the cause of that.
func Run(ctx context.Context, o Options) (err error) {
	s, err := New(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l, err := net.Listen("tcp", s.o.Addr)
	if err != nil {
		return fmt.Errorf("listening on %s: %w: give --addr another address or port, 0 for any free port", s.o.Addr,
			err)
	}
	return s.Serve(ctx, l)
}

// Serve serves a listener until ctx ends, as [Run] does. It closes the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.cookie = cookieName(l.Addr())
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: s.limits.header, ReadTimeout: s.limits.request, WriteTimeout: s.limits.answer,
		IdleTimeout: s.limits.idle, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	defer h.Close()
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(netutil.LimitListener(l, s.limits.connections)) }()
	s.background(s.follow)
	url := "http://" + l.Addr().String() + "/"
	s.o.Log.Info("listening", "url", url)
	if s.o.Listening != nil {
		s.o.Listening(url + "?token=" + neturl.QueryEscape(s.o.Token))
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serving %s: %w", url, err)
	case <-ctx.Done():
	}
	s.end()
	limit, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = h.Shutdown(limit)
	return context.Cause(ctx)
}

// site holds the page, its script and its style.
//
//go:embed all:site
var site embed.FS

// routes returns the handlers of all paths.
func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	files, err := fs.Sub(site, "site")
	if err != nil {
		panic(err) // it is a part of the program
	}
	static := http.FileServerFS(files)
	m.Handle("GET /static/", static)
	m.HandleFunc("GET /{$}", page(files))
	for _, path := range []string{"/runs", "/run/", "/compare", "/clusterings", "/clustering/", "/laboratories",
		"/laboratory/", "/sweeps", "/sweep/"} {
		m.HandleFunc("GET "+path, page(files))
	}
	for pattern, handler := range s.api() {
		m.HandleFunc(pattern, answering(handler))
	}
	m.HandleFunc("GET /laboratory.css", laboratoryStyle)
	m.HandleFunc("GET /api/live", s.live)
	return m
}

// api returns the handlers of the API, which docs/dashboard-api.md describes.
func (s *Server) api() map[string]handler {
	return map[string]handler{
		"GET /api/runs":                                s.runs,
		"GET /api/runs/{id}":                           s.run,
		"GET /api/runs/{id}/curves":                    s.curves,
		"GET /api/runs/{id}/curve.csv":                 s.curveCSV,
		"GET /api/runs/{id}/spectra":                   s.spectra,
		"GET /api/runs/{id}/config":                    s.config,
		"PUT /api/runs/{id}/notes":                     s.setNotes,
		"GET /api/runs/{id}/images":                    s.images,
		"GET /api/runs/{id}/images/{index}":            s.picture,
		"GET /api/runs/{id}/views":                     s.views,
		"GET /api/runs/{id}/embedding":                 s.embedding,
		"GET /api/runs/{id}/embedding/{step}":          s.embeddingMap,
		"GET /api/runs/{id}/embedding/{step}/near":     s.embeddingNear,
		"GET /api/runs/{id}/embedded/{index}":          s.embeddingPicture,
		"GET /api/runs/{id}/checkpoints/{step}/near":   s.checkpointNear,
		"GET /api/laboratories/{id}":                   s.laboratory,
		"GET /api/sweeps/{id}":                         s.sweep,
		"GET /api/clusterings/{id}":                    s.clustering,
		"GET /api/clusterings/{id}/clusters.csv":       s.namedCSV,
		"GET /api/clusterings/{id}/clusters/{cluster}": s.cluster,
		"PUT /api/clusterings/{id}/names":              s.setNames,
		"GET /api/runs/{id}/quarantine":                s.quarantine,
		"GET /api/runs/{id}/quarantine/{index}":        s.damaged,
	}
}

// page answers with the one page of the site. Its script draws what the path says.
func page(files fs.FS) http.HandlerFunc {
	text, err := fs.ReadFile(files, "index.html")
	if err != nil {
		panic(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(text) // a reader who has left needs no error
	}
}

// A handler returns what is answered as JSON, nil if it has answered itself.
type handler func(w http.ResponseWriter, r *http.Request) (any, error)

// A failure is an error with the status of its answer.
type failure struct {
	status int
	text   string
}

func (f *failure) Error() string { return f.text }

func failed(status int, format string, args ...any) error {
	return &failure{status, fmt.Sprintf(format, args...)}
}

// answering answers with what a handler returns.
func answering(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := h(w, r)
		switch {
		case err != nil:
			status := http.StatusInternalServerError
			var f *failure
			switch {
			case errors.As(err, &f):
				status = f.status
			case errors.Is(err, fs.ErrNotExist):
				status = http.StatusNotFound
			}
			refuse(w, status, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		case v != nil:
			answer(w, http.StatusOK, v)
		}
	}
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	answer(w, status, map[string]string{"error": fmt.Sprintf(format, args...)})
}

// answer answers with JSON.
func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

// started knows the status of an answer once it has begun.
type started struct {
	http.ResponseWriter
	status int
}

func (a *started) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *started) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *started) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// observed logs requests, without their queries, and answers for a handler that panicked. An answer that has begun is
// broken off instead, so that its reader does not take it for a whole one.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, a := time.Now(), &started{ResponseWriter: w}
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				s.o.Log.Error("a handler panicked", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			}
			if p != nil && a.status == 0 {
				refuse(a, http.StatusInternalServerError, "an internal error: the dashboard's log has it")
				p = nil
			}
			s.o.Log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", a.status, "took",
				time.Since(began))
			if p != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(a, r)
	})
}
