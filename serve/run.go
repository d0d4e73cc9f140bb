// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

const (
	headerTime = 5 * time.Second  // for a request's header, unless Limits.Time is shorter
	quietTime  = 2 * time.Second  // without a request, after which memory is given back
	idleTime   = 60 * time.Second // between two requests of a connection
	// drainTime is how long open connections are kept once the service stops. A request that was on its way then gets a
	// 503, which says that it was not taken, and not a closed connection, which says nothing.
	drainTime = 250 * time.Millisecond
)

// Run opens the encoder and serves it until ctx ends. It then answers the requests that it took and returns the cause
// of ctx's end. If some were not answered within Options.Grace, its error says how many.
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
	header := min(headerTime, s.o.Time)
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: header,
		ReadTimeout:       header + s.o.Time,
		WriteTimeout:      header + s.o.Time + headerTime, // also for the refusal of what came too late
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug), // of bad handshakes and the like
	}
	defer h.Close()
	scheme := "http"
	if s.o.Cert != "" {
		scheme = "https"
	}
	ended := make(chan error, 1)
	go func() {
		limited := &listener{Listener: l, server: s}
		if s.o.Cert != "" {
			ended <- h.ServeTLS(limited, s.o.Cert, s.o.Key)
		} else {
			ended <- h.Serve(limited)
		}
	}()
	go s.tidy(ctx)
	url := scheme + "://" + l.Addr().String()
	s.o.Log.Info("listening", "url", url, "encoder", s.encoder.Describe().Path)
	for _, note := range s.encoder.Describe().Imported.Summary() {
		s.o.Log.Info("the encoder's file is of another program", "note", note)
	}
	if s.o.Token != "" && s.o.Cert == "" {
		s.o.Log.Warn("the token and the images travel in the clear: give --tls-cert and --tls-key, or put a proxy " +
			"with TLS before this service")
	}
	if s.o.Listening != nil {
		s.o.Listening(url)
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serving %s: %w", url, err)
	case <-ctx.Done():
	}
	return s.stop(ctx, h, l)
}

// tidy gives memory back to the system once nobody has asked for a while. Go's runtime would keep the garbage of large
// bodies until the next ones come.
func (s *Server) tidy(ctx context.Context) {
	tick := time.NewTicker(quietTime)
	defer tick.Stop()
	var before, tidied int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		begun := s.begun.Load()
		if begun == before && begun != tidied && s.taken.Load() == 0 {
			debug.FreeOSMemory()
			tidied = begun
		}
		before = begun
	}
}

// stop answers what was taken, refuses the rest, and returns why ctx ended.
func (s *Server) stop(ctx context.Context, h *http.Server, l net.Listener) error {
	l.Close() // first: a client that is told to go must not find the door open
	s.stopping.Store(true)
	s.o.Log.Info("stopping", "cause", context.Cause(ctx), "requests", s.taken.Load())
	limit, cancel := context.WithTimeout(context.Background(), s.o.Grace)
	defer cancel()
	time.Sleep(min(drainTime, s.o.Grace/2))
	// Shutdown waits for connections, also for those on which nothing was asked. Requests are what counts.
	for s.taken.Load() > 0 && limit.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	if n := s.taken.Load(); n > 0 {
		return fmt.Errorf("%d requests were not answered within %v, and are lost: give --grace more (%v)", n, s.o.Grace,
			context.Cause(ctx)) // and that cause is not this error's: the end was not the one that was asked for
	}
	limit, cancel = context.WithTimeout(limit, time.Second)
	defer cancel()
	_ = h.Shutdown(limit) // what is left by then has asked nothing
	s.o.Log.Info("stopped")
	return context.Cause(ctx)
}
