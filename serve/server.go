// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/semaphore"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/torch"
)

// Server answers requests by one encoder. It is an http.Handler. It holds the network's weights until Close.
type Server struct {
	o       Options
	encoder *encoder.Encoder
	table   *Table // nil without Options.In
	handler http.Handler
	metrics *metrics
	health  *health

	workers *semaphore.Weighted // who may decode
	images  codec.Options       // how images are decoded
	queue   *pool               // places for images
	bodies  *pool               // bytes of bodies and answers

	connections *pool
	refusals    *pool // connections that are being told that there are too many
	stopping    atomic.Bool
	taken       atomic.Int64 // requests that were taken and are not answered
	begun       atomic.Int64 // requests that were ever taken
}

// leastShare is the least memory that bodies, and that images being decoded, must have.
const leastShare = 16 << 20

// New opens the encoder and makes the handler. An error of options that cannot be meant is a *run.InvalidError.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, invalid(err)
	}
	if err := torch.Use(o.Device); err != nil {
		return nil, invalid(err)
	}
	s := &Server{o: o, metrics: newMetrics(), workers: semaphore.NewWeighted(int64(o.Workers)),
		queue: newPool(int64(o.Queue)), connections: newPool(int64(o.Connections)),
		refusals: newPool(int64(o.Connections))}
	var err error
	if s.encoder, err = encoder.Open(o.Run, encoder.BatchSize(o.Batch), encoder.Wait(o.Wait),
		encoder.Watch(s.metrics.batch)); err != nil {
		return nil, err
	}
	if err := errors.Join(s.prepare(), s.openTable()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openTable opens the embeddings that are searched, if there are any.
func (s *Server) openTable() error {
	if s.o.In == "" {
		return nil
	}
	t, err := OpenTable(context.Background(), s.o.In)
	if err != nil {
		return err
	}
	s.table, s.o.Neighbours = t, t
	if t.Dim() != s.encoder.Features() {
		return fmt.Errorf("%s has embeddings of %d values, and this encoder's have %d: embed the images with this "+
			"encoder",
			s.o.In, t.Dim(), s.encoder.Features())
	}
	weights, err := s.encoder.WeightsSHA256()
	if theirs := t.card[embedding.CardWeights]; err == nil && theirs != "" && theirs != weights {
		err = fmt.Errorf("%s has embeddings by other weights than this encoder's: embed the images with this encoder",
			s.o.In)
	}
	return err
}

// prepare divides the memory, warms the network up and makes the routes.
func (s *Server) prepare() error {
	queue := int64(s.o.Queue) * int64(s.encoder.InputBytes())
	half := (s.o.Memory - queue) / 2
	if half < leastShare {
		return invalid(fmt.Errorf("a queue of %d images takes %s, which leaves too little of %s: give --memory more, "+
			"or --queue less", s.o.Queue, humanize.IBytes(uint64(queue)), humanize.IBytes(uint64(s.o.Memory))))
	}
	s.bodies = newPool(half)
	kept := s.encoder.Describe().Kept
	s.images = codec.Options{Limits: codec.Limits{MaxPixels: s.o.Pixels, Budget: codec.NewBudget(half)},
		Deep: kept != "", Pages: kept == dataset.ChannelsPages}
	if err := torch.Scope(func() error { torch.SetThreads(s.o.Threads); return nil }); err != nil {
		return err
	}
	var err error
	if s.health, err = newHealth(s); err != nil {
		return fmt.Errorf("the first embedding: %w", err)
	}
	s.metrics.watch(s)
	s.handler = s.routes()
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Describe returns the encoder's description.
func (s *Server) Describe() encoder.Description { return s.encoder.Describe() }

// Close frees the network and the table. Requests that are being answered fail.
func (s *Server) Close() (err error) {
	if s.table != nil {
		err = s.table.Close()
	}
	return errors.Join(err, s.encoder.Close())
}

// routes makes the handler.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for path, methods := range map[string]map[string]http.HandlerFunc{
		"/embed":        {http.MethodPost: s.secret(s.counted(s.answerEmbed))},
		"/neighbours":   {http.MethodPost: s.secret(s.counted(s.answerNeighbours))},
		"/healthz":      {http.MethodGet: s.answerHealth},
		"/readyz":       {http.MethodGet: s.answerReady},
		"/metrics":      {http.MethodGet: s.secret(s.metrics.handler().ServeHTTP)},
		"/openapi.json": {http.MethodGet: answerDescription},
		"/docs/":        {http.MethodGet: answerPage()},
		"/{$}":          {http.MethodGet: http.RedirectHandler("/docs/", http.StatusFound).ServeHTTP},
	} {
		for method, answer := range methods {
			mux.HandleFunc(method+" "+path, answer)
			mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Allow", method)
				fail(w, failed(http.StatusMethodNotAllowed, "the method must be %s", method))
			})
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, failed(http.StatusNotFound, "there is no %.100s: /docs/ shows what there is", r.URL.Path))
	})
	origin := http.NewCrossOriginProtection() // a page of another site cannot make a browser post here
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail(w, failed(http.StatusForbidden, "a page of another origin asked a browser to post this"))
	}))
	return s.observed(s.local(origin.Handler(mux)))
}
