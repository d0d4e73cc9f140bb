// SPDX-License-Identifier: Apache-2.0

// Package s3test serves buckets on the loopback, for tests, and makes faults on the way.
package s3test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Server is an S3 server with one bucket, called shards.
type Server struct {
	Backend *s3mem.Backend
	Reads   atomic.Int64 // answers with content
	Bytes   atomic.Int64 // of content that went out

	url    string
	mu     sync.Mutex
	faults func(r *http.Request) Fault
}

// Fault is what happens to an answer.
type Fault int

// The faults.
const (
	None     Fault = iota
	Internal       // status 500
	Slow           // status 503, as for too many requests
	Cut            // the body ends in the middle
	Stall          // no byte comes for two seconds, and then the connection breaks
)

// New starts a server.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{Backend: s3mem.New()}
	if err := s.Backend.CreateBucket("shards"); err != nil {
		t.Fatal(err)
	}
	inner := gofakes3.New(s.Backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		s.serve(inner, w, r)
	}))
	t.Cleanup(served.Close)
	s.url = served.URL
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-test")
	return s
}

// Address is that of objects, by a pattern of their keys.
func (s *Server) Address(pattern string) string {
	return fmt.Sprintf("s3://shards/%s?region=us-east-1&endpoint=%s&use_path_style=true", pattern, s.url)
}

// Put stores an object.
func (s *Server) Put(t testing.TB, key string, content []byte) {
	t.Helper()
	if _, err := s.Backend.PutObject("shards", key, map[string]string{"Last-Modified": time.Now().UTC().Format(
		http.TimeFormat)}, bytes.NewReader(content), int64(len(content)), nil); err != nil {
		t.Fatal(err)
	}
}

// Faults makes faults from now on: f says which one an answer has.
func (s *Server) Faults(f func(r *http.Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

func (s *Server) serve(inner http.Handler, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	faults := s.faults
	s.mu.Unlock()
	fault := None
	if faults != nil {
		fault = faults(r)
	}
	switch fault {
	case Internal, Slow:
		status := map[Fault]int{Internal: http.StatusInternalServerError, Slow: http.StatusServiceUnavailable}[fault]
		http.Error(w, "<Error><Code>InternalError</Code></Error>", status)
		return
	}
	answer := httptest.NewRecorder()
	inner.ServeHTTP(answer, r)
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	body := answer.Body.Bytes()
	content := r.Method == http.MethodGet && strings.Count(r.URL.Path, "/") > 1
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Length", answer.Header().Get("Content-Length"))
	}
	w.WriteHeader(answer.Code)
	if content {
		s.Reads.Add(1)
	}
	if content && fault == Cut || fault == Stall {
		_, _ = w.Write(body[:len(body)/2])
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		if fault == Stall {
			time.Sleep(2 * time.Second)
		}
		panic(http.ErrAbortHandler) // the connection breaks
	}
	n, _ := io.Copy(w, bytes.NewReader(body))
	if content {
		s.Bytes.Add(n)
	}
}
