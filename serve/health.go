// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/internal/printable"
)

const (
	healthTime = 5 * time.Second // that a check may take
	healthAge  = time.Second     // for which its result stands, so that nobody can keep the network busy with checks
)

// health checks that an image file still becomes the features that it became at the start. The check goes before all
// that waits, so that a service with much to do is not taken for a broken one.
type health struct {
	server *Server
	file   []byte
	want   []float32

	mu   sync.Mutex
	at   time.Time
	last error
}

func newHealth(s *Server) (*health, error) {
	picture := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for y := range 48 {
		for x := range 64 {
			picture.Set(x, y, color.RGBA{uint8(4 * x), uint8(5 * y), uint8(2 * (x + y)), 255})
		}
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, picture, nil); err != nil {
		return nil, err
	}
	h := &health{server: s, file: file.Bytes()}
	var err error
	// The first forward pass also chooses kernels and allocates memory, however long that takes.
	h.want, err = h.embed(context.Background())
	return h, err
}

func (h *health) embed(ctx context.Context) ([]float32, error) {
	p, err := h.input()
	if err != nil {
		return nil, err
	}
	row, err := h.server.encoder.EmbedFirst(ctx, p)
	if err != nil {
		return nil, err
	}
	return row, finite(row)
}

// input makes the picture ready for the network. If that takes other images than 8-bit RGB, there is no file.
func (h *health) input() (*encoder.Input, error) {
	about := h.server.encoder.Describe()
	if about.Kept == "" {
		return h.server.decode(h.file, codec.Options{}) // whatever the limits are
	}
	m := augment.NewDeep(about.Size, about.Size, about.Channels())
	for i := range m.Deep {
		c := i % m.C
		m.Deep[i] = float32(about.Mean[c] + about.Std[c]*math.Sin(float64(i)))
	}
	return h.server.encoder.Prepare(m)
}

// check returns why the service is not healthy, or nil.
func (h *health) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) >= healthAge {
		h.last = h.compare()
		h.at = time.Now()
	}
	return h.last
}

func (h *health) compare() error {
	ctx, cancel := context.WithTimeout(context.Background(), healthTime)
	defer cancel()
	got, err := h.embed(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("an embedding took longer than %v", healthTime)
	}
	if err != nil {
		return err
	}
	for i, v := range got { // in another batch the last bits may differ
		if math.Abs(float64(v-h.want[i])) > 1e-3*(1+math.Abs(float64(h.want[i]))) {
			return fmt.Errorf("feature %d of the same image was %v at the start and is %v", i, h.want[i], v)
		}
	}
	return nil
}

// state is the answer of /healthz and /readyz.
type state struct {
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

// answerHealth answers GET /healthz.
func (s *Server) answerHealth(w http.ResponseWriter, _ *http.Request) {
	if err := s.health.check(); err != nil {
		s.o.Log.Error("not healthy", "error", err)
		send(w, http.StatusServiceUnavailable, state{"failing", printable.Text(err.Error())})
		return
	}
	send(w, http.StatusOK, state{Status: "ok"})
}

// answerReady answers GET /readyz.
func (s *Server) answerReady(w http.ResponseWriter, _ *http.Request) {
	if s.stopping.Load() {
		send(w, http.StatusServiceUnavailable, state{Status: "stopping"})
		return
	}
	send(w, http.StatusOK, state{Status: "ready"})
}
