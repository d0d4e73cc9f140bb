// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/internal/loopback"
)

// idKey is the context's key of a request's ID.
type idKey struct{}

// recorder keeps what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// quiet are the paths that machines ask for again and again.
var quiet = map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}

// observed gives each request an ID and a deadline, counts it, logs it, and answers for a handler that panicked.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, id := time.Now(), requestID(r)
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), idKey{}, id), s.o.Time)
		defer cancel()
		r = r.WithContext(ctx)
		h := w.Header()
		h.Set("X-Request-ID", id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		answered := &recorder{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				s.o.Log.Error("a handler panicked", "id", id, "panic", p, "stack", string(debug.Stack()))
				if answered.status == 0 {
					fail(answered, &failure{status: http.StatusInternalServerError, text: internalError})
				}
			}
			took := time.Since(began)
			s.metrics.request(r, answered.status, took)
			level := slog.LevelInfo
			if quiet[r.URL.Path] {
				level = slog.LevelDebug
			}
			s.o.Log.Log(ctx, level, "request", "id", id, "method", r.Method, "path", r.URL.Path, "status",
				answered.status, "bytes", answered.bytes, "took", took, "from", r.RemoteAddr)
		}()
		next.ServeHTTP(answered, r)
	})
}

// requestID returns the request's own ID if it is short and plain, or else a random one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-ID")
	plain := func(c rune) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.'
	}
	if id == "" || len(id) > 64 || strings.TrimFunc(id, plain) != "" {
		return rand.Text()
	}
	return id
}

// log says in the log why an image or a request failed, if that was not its sender's fault.
func (s *Server) log(ctx context.Context, f *failure) {
	if f.cause == nil || errors.Is(f.cause, context.Canceled) {
		return
	}
	values := []any{"id", ctx.Value(idKey{}), "status", f.status, "error", f.cause}
	var panicked *crash.Error
	if errors.As(f.cause, &panicked) {
		values = append(values, "stack", string(panicked.Stack))
	}
	s.o.Log.Error("failed", values...)
}

// counted answers by handler, counts the request as taken until it is answered, and refuses it while the service stops.
func (s *Server) counted(handler func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.taken.Add(1) // before the look at stopping, so that whoever stops and then counts misses nobody
		defer s.taken.Add(-1)
		s.begun.Add(1)
		if s.stopping.Load() {
			w.Header().Set("Connection", "close")
			fail(w, failed(http.StatusServiceUnavailable, "the service is stopping"))
			return
		}
		if err := handler(w, r); err != nil {
			f := classify(err)
			s.log(r.Context(), f)
			fail(w, f)
		}
	}
}

// local refuses, on a loopback address, requests for other hosts. A page of another site can make a browser ask this
// machine under that site's name (DNS rebinding), and only the Host header tells. It is not checked on other addresses:
// the token, which browsers do not have, protects these.
func (s *Server) local(next http.Handler) http.Handler {
	if host, _, _ := net.SplitHostPort(s.o.Addr); !loopback.Is(host) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback.Host(r.Host) {
			fail(w, failed(http.StatusMisdirectedRequest, "the Host %.100q is not this machine's loopback", r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// secret answers requests that bear the token. The comparison takes the same time whatever was sent.
func (s *Server) secret(next http.HandlerFunc) http.HandlerFunc {
	if s.o.Token == "" {
		return next
	}
	want := sha256.Sum256([]byte(s.o.Token))
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(token)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="parallax"`)
			fail(w, failed(http.StatusUnauthorized, "the request bears no token, or another one: send Authorization: "+
				"Bearer TOKEN"))
			return
		}
		next(w, r)
	}
}
