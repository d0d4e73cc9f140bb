// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what GET /metrics shows.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	images   *prometheus.CounterVec
	batches  prometheus.Histogram
	forward  prometheus.Histogram
	failed   prometheus.Counter
	refused  prometheus.Counter
}

func newMetrics() *metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	add := promauto.With(r)
	return &metrics{
		registry: r,
		requests: add.NewCounterVec(prometheus.CounterOpts{Name: "parallax_http_requests_total",
			Help: "Requests that were answered."}, []string{"path", "code"}),
		seconds: add.NewHistogramVec(prometheus.HistogramOpts{Name: "parallax_http_request_duration_seconds",
			Help:    "Time from a request's header to the end of its answer.",
			Buckets: prometheus.ExponentialBuckets(.001, 2, 16)}, []string{"path"}),
		images: add.NewCounterVec(prometheus.CounterOpts{Name: "parallax_images_total",
			Help: "Images that were answered, by the status of each."}, []string{"status"}),
		batches: add.NewHistogram(prometheus.HistogramOpts{Name: "parallax_batch_images",
			Help: "Images that went through the network at once.", Buckets: prometheus.ExponentialBuckets(1, 2, 10)}),
		forward: add.NewHistogram(prometheus.HistogramOpts{Name: "parallax_forward_seconds",
			Help: "Time of a forward pass.", Buckets: prometheus.ExponentialBuckets(.0005, 2, 16)}),
		failed: add.NewCounter(prometheus.CounterOpts{Name: "parallax_forward_failures_total",
			Help: "Forward passes that failed."}),
		refused: add.NewCounter(prometheus.CounterOpts{Name: "parallax_connections_refused_total",
			Help: "Connections beyond the limit, which were refused."}),
	}
}

// watch shows what a server holds.
func (m *metrics) watch(s *Server) {
	for _, p := range []struct {
		name, help string
		pool       *pool
	}{
		{"queue_images", "Images that are being decoded, wait or go through the network", s.queue},
		{"body_bytes", "Memory that bodies and answers hold", s.bodies},
		{"connections", "Open connections", s.connections},
	} {
		m.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parallax_" + p.name, Help: p.help + "."},
				func() float64 { return float64(p.pool.used.Load()) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parallax_" + p.name + "_limit",
				Help: p.help + ": the limit."}, func() float64 { return float64(p.pool.size) }))
	}
}

// batch is told of every forward pass.
func (m *metrics) batch(images int, took time.Duration, err error) {
	if err != nil {
		m.failed.Inc()
		return
	}
	m.batches.Observe(float64(images))
	m.forward.Observe(took.Seconds())
}

// request counts a request that was answered. Its path is that of a route: strangers must not make new names.
func (m *metrics) request(r *http.Request, status int, took time.Duration) {
	path := "other"
	if _, route, ok := strings.Cut(r.Pattern, " "); ok {
		path = route
	}
	m.requests.WithLabelValues(path, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(path).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
