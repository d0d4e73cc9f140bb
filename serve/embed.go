// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

// answer is what is said of one image.
type answer struct {
	Name       string    `json:"name"`
	Status     int       `json:"status"`
	Error      string    `json:"error,omitempty"`
	Embedding  []float32 `json:"embedding,omitzero"`
	Neighbours []Match   `json:"neighbours,omitzero"`
}

// single is the answer to a request whose body is the image.
type single struct {
	Error      string    `json:"error,omitempty"`
	Embedding  []float32 `json:"embedding,omitzero"`
	Neighbours []Match   `json:"neighbours,omitzero"`
}

// several is the answer to a request with several images.
type several struct {
	Items []answer `json:"items"`
}

const (
	defaultNeighbours = 10
	mostNeighbours    = 1000
)

// answerEmbed answers POST /embed.
func (s *Server) answerEmbed(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "normalize")
	if err != nil {
		return err
	}
	normalize := false
	if text := q.Get("normalize"); text != "" {
		if normalize, err = strconv.ParseBool(text); err != nil {
			return failed(http.StatusBadRequest, "normalize=%.40q is not true or false", text)
		}
	}
	return s.answerImages(w, r, s.rowBytes(), func(_ context.Context, answers []answer) error {
		for _, a := range answers {
			if normalize {
				toLength1(a.Embedding)
			}
		}
		return nil
	})
}

// answerNeighbours answers POST /neighbours.
func (s *Server) answerNeighbours(w http.ResponseWriter, r *http.Request) error {
	if s.o.Neighbours == nil {
		return failed(http.StatusNotFound, "there are no embeddings to search: start the service with --in FILE")
	}
	q, err := parameters(r, "k")
	if err != nil {
		return err
	}
	k := defaultNeighbours
	if text := q.Get("k"); text != "" {
		if k, err = strconv.Atoi(text); err != nil || k < 1 || k > mostNeighbours {
			return failed(http.StatusBadRequest, "k=%.40q is not a number from 1 to %d", text, mostNeighbours)
		}
	}
	return s.answerImages(w, r, s.rowBytes()+matchBytes*k, func(ctx context.Context, answers []answer) error {
		var vectors [][]float32
		for _, a := range answers {
			if a.Embedding != nil {
				vectors = append(vectors, a.Embedding)
			}
		}
		if len(vectors) == 0 {
			return nil
		}
		found, err := s.o.Neighbours.Query(ctx, vectors, k)
		if err != nil {
			return err
		}
		for i := range answers {
			if answers[i].Embedding != nil {
				answers[i].Embedding, answers[i].Neighbours, found = nil, found[0], found[1:]
			}
		}
		return nil
	})
}

// parameters returns the parameters of a request's URL. It refuses those that nothing reads.
func parameters(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, failed(http.StatusBadRequest, "the URL's parameters cannot be read: %.200s", err)
	}
	for name := range q {
		if near := spelling.Nearest(name, known); name != near {
			return nil, failed(http.StatusBadRequest, "unknown parameter %.40q: did you mean %s?", name, near)
		}
	}
	return q, nil
}

// answerImages reads the images of a request, embeds them, completes their answers, of bytes each, and sends these.
func (s *Server) answerImages(w http.ResponseWriter, r *http.Request, bytes int,
	complete func(context.Context, []answer) error) error {
	if s.queue.full() { // before the body is read for nothing
		return s.busy()
	}
	held := &share{pool: s.bodies}
	defer held.release()
	in, err := s.o.read(w, r, held)
	if err != nil {
		return err
	}
	if !held.take(int64(len(in.items)) * int64(bytes)) {
		return failed(http.StatusTooManyRequests, "the service has no memory left for an answer: try again later")
	}
	if !s.queue.take(int64(len(in.items))) {
		return s.busy()
	}
	answers := s.embed(r.Context(), in.items)
	if err := complete(r.Context(), answers); err != nil {
		return classify(err)
	}
	for _, a := range answers {
		s.metrics.images.WithLabelValues(strconv.Itoa(a.Status)).Inc()
	}
	if a := answers[0]; in.alone {
		if a.Status != http.StatusOK {
			fail(w, &failure{status: a.Status, text: a.Error})
			return nil
		}
		send(w, http.StatusOK, single{Embedding: a.Embedding, Neighbours: a.Neighbours})
		return nil
	}
	send(w, http.StatusOK, several{answers})
	return nil
}

// matchBytes is what a match takes in memory and as text; the path itself is the table's.
const matchBytes = 256

// rowBytes is what the features of one image take in memory and as text.
func (s *Server) rowBytes() int { return 16 * s.encoder.Features() }

func (s *Server) busy() *failure {
	return failed(http.StatusTooManyRequests, "%d images are waiting already: try again later", s.queue.size)
}

// embed returns an answer for each item. It gives their places in the queue back.
func (s *Server) embed(ctx context.Context, items []item) []answer {
	answers := make([]answer, len(items))
	var all sync.WaitGroup
	for i := range items {
		all.Go(func() {
			defer s.queue.give(1)
			it := &items[i]
			row, err := s.embedItem(ctx, it)
			answers[i] = answer{Name: it.name, Status: http.StatusOK, Embedding: row}
			if err != nil {
				f := classify(err)
				s.log(ctx, f)
				answers[i] = answer{Name: it.name, Status: f.status, Error: f.text}
			}
		})
	}
	all.Wait()
	return answers
}

// embedItem returns the features of an image file.
func (s *Server) embedItem(ctx context.Context, it *item) ([]float32, error) {
	if it.failure != nil {
		return nil, it.failure
	}
	if err := s.workers.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	type result struct {
		*encoder.Input
		error
	}
	done := make(chan result, 1)
	data := it.data
	it.data = nil
	go func() { // decoding cannot be interrupted, so that it may outlast the request; it keeps its worker
		defer s.workers.Release(1)
		p, err := s.decode(data, s.images)
		done <- result{p, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-done:
		if r.error != nil {
			return nil, r.error
		}
		rows, err := s.encoder.EmbedInputs(ctx, []*encoder.Input{r.Input})
		if err != nil {
			return nil, err
		}
		return rows[0], finite(rows[0])
	}
}

// decode makes an image file ready for the network.
func (s *Server) decode(data []byte, o codec.Options) (p *encoder.Input, err error) {
	defer crash.Recover(&err)
	lease := o.Budget.File(int64(len(data)))
	defer lease.Release()
	if !codec.IsImage(data[:min(len(data), 512)]) {
		_, err := codec.DecodeHeld(data, o, lease) // which says what it is
		return nil, failed(http.StatusUnsupportedMediaType, "not an image that can be read: %v", err)
	}
	m, err := codec.DecodeHeld(data, o, lease)
	switch {
	case errors.Is(err, codec.ErrTooLarge), errors.Is(err, codec.ErrBomb), errors.Is(err, codec.ErrMemory):
		return nil, failed(http.StatusRequestEntityTooLarge, "the image is too large: %v", err)
	case err != nil:
		return nil, failed(http.StatusUnprocessableEntity, "the image cannot be read: %v", err)
	}
	if p, err = s.encoder.Prepare(m); err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "the image cannot be embedded: %v", err)
	}
	return p, nil
}

// finite refuses a row that JSON cannot hold.
func finite(row []float32) error {
	for _, v := range row {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return failed(http.StatusUnprocessableEntity, "the network's features of this image are not finite")
		}
	}
	return nil
}

// toLength1 scales a row to length 1, unless it is 0.
func toLength1(row []float32) {
	var sum float64
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	if sum == 0 {
		return
	}
	scale := 1 / math.Sqrt(sum)
	for i, v := range row {
		row[i] = float32(float64(v) * scale)
	}
}

const internalError = "an internal error: the service's log has it"

// classify returns the failure that err, of an image or a whole request, stands for.
func classify(err error) *failure {
	var known *failure
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{http.StatusGatewayTimeout, "there was no answer in time", err}
	case errors.Is(err, context.Canceled), errors.Is(err, encoder.ErrClosed):
		return &failure{http.StatusServiceUnavailable, "the request was given up", err}
	}
	return &failure{http.StatusInternalServerError, internalError, err}
}

// fail answers with an error.
func fail(w http.ResponseWriter, f *failure) {
	if f.status == http.StatusTooManyRequests || f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	send(w, f.status, single{Error: f.text})
}

// send answers with a JSON document. An error of sending it is the client's, who is gone.
func send(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}
