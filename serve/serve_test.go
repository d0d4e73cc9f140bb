// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/internal/codec/tiff/tifftest"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// features is the width of the test encoder's rows.
const features = 16

// untrained writes an untrained encoder into a file.
func untrained(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), run.EncoderFile)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := torch.Scope(func() error {
		body, err := backbone.New("resnet8", 4, backbone.Small)
		if err != nil {
			return err
		}
		p := nn.NewParams(3, torch.F32)
		defer p.Free()
		body.Build(p)
		return nn.WriteStates(f, p.State(), map[string]string{"architecture": "resnet8", "width": "4", "stem": "small",
			"norm": "batch", "features": fmt.Sprint(features), "size": "16", "mean": "[0.5 0.5 0.5]",
			"std": "[0.2 0.3 0.1]"})
	}); err != nil {
		t.Fatal(err)
	}
	return path
}

// open makes a Server, and closes it at the end of the test.
func open(t testing.TB, change func(*Options)) *Server {
	t.Helper()
	o := Options{Run: untrained(t), Threads: 1}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// picture draws a file of the given size.
func picture(t testing.TB, w, h int, encode func(io.Writer, image.Image) error) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{uint8(x * 7), uint8(y * 5), uint8(x * y), 255})
		}
	}
	var b bytes.Buffer
	if err := encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, w, h int) []byte {
	return picture(t, w, h, func(o io.Writer, m image.Image) error { return jpeg.Encode(o, m, nil) })
}

func pngOf(t testing.TB, w, h int) []byte { return picture(t, w, h, png.Encode) }

// ask sends a request and returns the status and the body of the answer.
func ask(h http.Handler, method, target, kind string, body []byte, headers ...string) (int, []byte) {
	r := httptest.NewRequest(method, target, bytes.NewReader(body))
	r.Host = "localhost:8080"
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

// decoded reads a JSON answer.
func decoded[T any](t testing.TB, text []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
	return v
}

// form makes a multipart body of files.
func form(t testing.TB, files ...[]byte) (kind string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i, file := range files {
		part, err := w.CreateFormFile("image", fmt.Sprintf("%d.jpg", i))
		if err == nil {
			_, err = part.Write(file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

// direct returns the features by the encoder itself.
func direct(t testing.TB, s *Server, file []byte) []float32 {
	t.Helper()
	m, err := codec.Decode(file, codec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.encoder.Embed(context.Background(), []*augment.Image{m})
	if err != nil {
		t.Fatal(err)
	}
	return rows[0]
}

// near reports whether rows are equal except in the last bits, which depend on the batch.
func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(a, b float32) bool {
		return math.Abs(float64(a-b)) <= 1e-4*(1+math.Abs(float64(b)))
	})
}

func TestEmbedOne(t *testing.T) {
	s := open(t, nil)
	for _, file := range [][]byte{jpegOf(t, 40, 30), pngOf(t, 9, 50)} {
		want := direct(t, s, file)
		for _, kind := range []string{"", "image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded",
			"nonsense;;"} {
			status, text := ask(s, "POST", "/embed", kind, file)
			if status != 200 || !near(decoded[single](t, text).Embedding, want) {
				t.Errorf("type %q: %d %s", kind, status, text)
			}
		}
		status, text := ask(s, "POST", "/embed?normalize=true", "", file)
		var length float64
		for _, v := range decoded[single](t, text).Embedding {
			length += float64(v) * float64(v)
		}
		if status != 200 || math.Abs(length-1) > 1e-5 {
			t.Errorf("normalised: %d, squared length %v", status, length)
		}
	}
}

// Each image of a request has its own status, and the bad ones cost the good ones nothing.
func TestEmbedSeveral(t *testing.T) {
	s := open(t, func(o *Options) { o.Pixels, o.File = 50*50, 1<<14 })
	good := jpegOf(t, 40, 30)
	want := direct(t, s, good)
	bomb := jpegOf(t, 51, 50)
	cut := pngOf(t, 40, 40)
	files := [][]byte{good, []byte("text"), cut[:len(cut)/2], bomb, make([]byte, 1<<14+1), {}, good}
	statuses := []int{200, 415, 422, 413, 413, 400, 200}
	kind, body := form(t, files...)
	var document struct {
		Items []map[string]string `json:"items"`
	}
	for i, f := range files {
		document.Items = append(document.Items, map[string]string{"name": fmt.Sprintf("%d.jpg", i),
			"image": base64.StdEncoding.EncodeToString(f)})
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	for kind, body := range map[string][]byte{kind: body, "application/json; charset=utf-8": text} {
		status, text := ask(s, "POST", "/embed", kind, body)
		items := decoded[several](t, text).Items
		if status != 200 || len(items) != len(files) {
			t.Fatalf("%s: %d with %d items: %s", kind, status, len(items), text)
		}
		for i, it := range items {
			if it.Status != statuses[i] || it.Name != fmt.Sprintf("%d.jpg", i) ||
				(it.Error == "") != (it.Status == 200) || (it.Embedding == nil) != (it.Status != 200) {
				t.Errorf("%s: item %d is %+v, want status %d", kind, i, it, statuses[i])
			}
			if it.Status == 200 && !near(it.Embedding, want) {
				t.Errorf("%s: item %d has the features of another image", kind, i)
			}
			if it.Status != 200 { // by itself it has the same status
				if alone, text := ask(s, "POST", "/embed", "", files[i]); alone != it.Status {
					t.Errorf("item %d alone: %d %s, want %d", i, alone, text, it.Status)
				}
			}
		}
	}
	idle(t, s)
}

// idle checks that nothing is held once no request is being answered.
func idle(t *testing.T, s *Server) {
	t.Helper()
	if s.queue.used.Load() != 0 || s.bodies.used.Load() != 0 || s.taken.Load() != 0 {
		t.Errorf("%d places, %d bytes and %d requests are still held", s.queue.used.Load(), s.bodies.used.Load(),
			s.taken.Load())
	}
}

func TestMalformed(t *testing.T) {
	s := open(t, func(o *Options) { o.Images, o.Body = 3, 1<<16; o.File = 1 << 15 })
	good := jpegOf(t, 20, 20)
	many, manyBody := form(t, good, good, good, good)
	half, halfBody := form(t, good)
	const js = "application/json"
	for _, c := range []struct {
		name, target, kind string
		body               []byte
		status             int
		want               string
	}{
		{"empty", "/embed", "", nil, 400, "no images"},
		{"no boundary", "/embed", "multipart/form-data", good, 400, "boundary"},
		{"cut form", "/embed", half, halfBody[:len(halfBody)/2], 400, "cannot be read"},
		{"no form", "/embed", half, good, 400, "no images"},
		{"many", "/embed", many, manyBody, 413, "more than 3 images"},
		{"no items", "/embed", js, []byte(`{"items": []}`), 400, "no images"},
		{"empty JSON", "/embed", js, nil, 400, "cannot be read"},
		{"other JSON", "/embed", js, []byte(`{"images": []}`), 400, `want {"items"`},
		{"list", "/embed", js, []byte(`[]`), 400, `want {"items"`},
		{"cut JSON", "/embed", js, []byte(`{"items": [{"name": "a"`), 400, "cannot be read"},
		{"unknown field", "/embed", js, []byte(`{"items": [{"picture": "a"}]}`), 400, "picture"},
		{"number", "/embed", js, []byte(`{"items": [{"image": 7}]}`), 400, "number"},
		{"second document", "/embed", js, []byte(`{"items": [{"image": "a"}]} {}`), 400, "follows"},
		{"deep", "/embed", js, []byte(`{"items": [` + strings.Repeat("[", 20000)), 400, "cannot be read"},
		{"large", "/embed", "", make([]byte, 1<<16+1), 413, "64 KiB"},
		{"unknown parameter", "/embed?normalise=1", "", good, 400, "did you mean normalize"},
		{"bad parameter", "/embed?normalize=2", "", good, 400, "true or false"},
		{"bad query", "/embed?%zz", "", good, 400, "parameters"},
		{"neighbours", "/neighbours", "", good, 404, "--in FILE"},
	} {
		status, text := ask(s, "POST", c.target, c.kind, c.body)
		if status != c.status || !strings.Contains(decoded[single](t, text).Error, c.want) {
			t.Errorf("%s: %d %s, want %d with %q", c.name, status, text, c.status, c.want)
		}
	}
	if status, text := ask(s, "POST", "/embed", "", good, "Content-Encoding", "gzip"); status != 415 {
		t.Errorf("an encoded body: %d %s", status, text)
	}
	if status, _ := ask(s, "GET", "/embed", "", nil); status != 405 {
		t.Errorf("GET /embed: %d", status)
	}
	if status, _ := ask(s, "GET", "/other", "", nil); status != 404 {
		t.Errorf("GET /other: %d", status)
	}
	// A body whose length is not announced.
	unknown := struct{ io.Reader }{bytes.NewReader(make([]byte, 1<<17))}
	r := httptest.NewRequest("POST", "http://localhost/embed", unknown)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 413 {
		t.Errorf("a long body of unknown length: %d %s", w.Code, w.Body)
	}
	idle(t, s)
}

// table is a table of embeddings: the rows of some files.
type table struct {
	paths []string
	rows  [][]float32
	err   error
}

func (n *table) Query(_ context.Context, vectors [][]float32, k int) ([][]Match, error) {
	if n.err != nil {
		return nil, n.err
	}
	cosine := func(a, b []float32) float32 {
		var ab, aa, bb float64
		for i := range a {
			ab, aa, bb = ab+float64(a[i]*b[i]), aa+float64(a[i]*a[i]), bb+float64(b[i]*b[i])
		}
		return float32(ab / math.Sqrt(aa*bb))
	}
	found := make([][]Match, len(vectors))
	for i, v := range vectors {
		for j, row := range n.rows {
			found[i] = append(found[i], Match{n.paths[j], cosine(v, row)})
		}
		slices.SortFunc(found[i], func(a, b Match) int { return int(1e6 * (b.Similarity - a.Similarity)) })
		found[i] = found[i][:min(k, len(found[i]))]
	}
	return found, nil
}

func TestNeighbours(t *testing.T) {
	n := &table{}
	s := open(t, func(o *Options) { o.Neighbours = n })
	a, b := jpegOf(t, 40, 30), pngOf(t, 9, 50)
	n.paths, n.rows = []string{"a.jpg", "b.png"}, [][]float32{direct(t, s, a), direct(t, s, b)}
	status, text := ask(s, "POST", "/neighbours?k=1", "", b)
	if got := decoded[single](t, text).Neighbours; status != 200 || len(got) != 1 || got[0].Path != "b.png" ||
		got[0].Similarity < 0.999 {
		t.Errorf("%d %s, want b.png", status, text)
	}
	kind, body := form(t, a, []byte("text"), b)
	status, text = ask(s, "POST", "/neighbours", kind, body)
	items := decoded[several](t, text).Items
	if status != 200 || len(items) != 3 || items[0].Neighbours[0].Path != "a.jpg" || items[1].Status != 415 ||
		items[1].Neighbours != nil || items[2].Neighbours[0].Path != "b.png" || items[2].Embedding != nil {
		t.Errorf("%d %s", status, text)
	}
	for _, k := range []string{"0", "-1", "1001", "ten", "99999999999999999999"} {
		if status, text := ask(s, "POST", "/neighbours?k="+k, "", a); status != 400 {
			t.Errorf("k=%s: %d %s", k, status, text)
		}
	}
	n.err = errors.New("the table is gone")
	if status, text := ask(s, "POST", "/neighbours", "", a); status != 500 || bytes.Contains(text, []byte("gone")) {
		t.Errorf("a search that fails: %d %s", status, text)
	}
	idle(t, s)
}

// What finds no place is refused at once, and is told when to come again.
func TestFull(t *testing.T) {
	s := open(t, func(o *Options) { o.Queue, o.Images = 4, 4 })
	good := jpegOf(t, 20, 20)
	held, release := make(chan struct{}), make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { _ = torch.Scope(func() error { close(held); <-release; return nil }) })
	<-held
	for range 3 {
		others.Go(func() {
			if status, text := ask(s, "POST", "/embed", "", good); status != 200 {
				t.Errorf("a request that found a place: %d %s", status, text)
			}
		})
	}
	for s.queue.used.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	kind, two := form(t, good, good)
	if status, text := ask(s, "POST", "/embed", kind, two); status != 429 {
		t.Errorf("two images for one place: %d %s", status, text)
	}
	s.bodies.used.Add(s.bodies.size - 100)
	if status, text := ask(s, "POST", "/embed", "", good); status != 429 || !bytes.Contains(text, []byte("memory")) {
		t.Errorf("a body for which there is no memory: %d %s", status, text)
	}
	s.bodies.used.Add(100 - s.bodies.size)
	close(release)
	others.Wait()
	if status, text := ask(s, "POST", "/embed", kind, two); status != 200 {
		t.Errorf("once there is room: %d %s", status, text)
	}
	idle(t, s)
}

// A request that is not answered in time gets 504, while the engine is busy with something else; health says so, too.
func TestLate(t *testing.T) {
	s := open(t, func(o *Options) { o.Time = 50 * time.Millisecond })
	good := jpegOf(t, 20, 20)
	held, release := make(chan struct{}), make(chan struct{})
	var other sync.WaitGroup
	other.Go(func() { _ = torch.Scope(func() error { close(held); <-release; return nil }) })
	<-held
	if status, text := ask(s, "POST", "/embed", "", good); status != 504 {
		t.Errorf("%d %s, want 504", status, text)
	}
	close(release)
	other.Wait()
	if status, text := ask(s, "POST", "/embed", "", good); status != 200 {
		t.Errorf("afterwards: %d %s", status, text)
	}
	idle(t, s)
}

func TestHealth(t *testing.T) {
	s := open(t, nil)
	if status, text := ask(s, "GET", "/healthz", "", nil); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	s.health.want[3]++ // as if the weights had changed
	if status, text := ask(s, "GET", "/healthz", "", nil); status != 200 {
		t.Errorf("within a second the last result stands, but: %d %s", status, text)
	}
	s.health.at = time.Time{}
	if status, text := ask(s, "GET", "/healthz", "", nil); status != 503 || !bytes.Contains(text, []byte("feature 3")) {
		t.Errorf("with other features: %d %s", status, text)
	}
	if status, _ := ask(s, "GET", "/readyz", "", nil); status != 200 {
		t.Errorf("ready: %d", status)
	}
	s.stopping.Store(true)
	if status, _ := ask(s, "GET", "/readyz", "", nil); status != 503 {
		t.Errorf("ready while stopping: %d", status)
	}
	if status, _ := ask(s, "POST", "/embed", "", jpegOf(t, 9, 9)); status != 503 {
		t.Errorf("a request while stopping: %d", status)
	}
	s.stopping.Store(false)
	s.encoder.Close()
	s.health.at = time.Time{}
	if status, _ := ask(s, "GET", "/healthz", "", nil); status != 503 {
		t.Errorf("without a network: %d", status)
	}
}

func TestAccess(t *testing.T) {
	const token = "0123456789abcdef"
	s := open(t, func(o *Options) { o.Addr, o.Token = "0.0.0.0:8080", token })
	good := jpegOf(t, 20, 20)
	for header, want := range map[string]int{"": 401, "Bearer": 401, "Bearer 0123456789abcdeF": 401, token: 401,
		"Basic " + token: 401, "Bearer " + token: 200, "bearer " + token: 200, "Bearer " + token + "0": 401} {
		for _, path := range []string{"/embed", "/metrics"} {
			method := map[string]string{"/embed": "POST", "/metrics": "GET"}[path]
			if status, text := ask(s, method, path, "", good, "Authorization", header); status != want {
				t.Errorf("%s with %q: %d %.100s, want %d", path, header, status, text, want)
			}
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json", "/docs/"} {
		if status, text := ask(s, "GET", path, "", nil); status != 200 {
			t.Errorf("%s without a token: %d %s", path, status, text)
		}
	}

	local := open(t, nil)
	for host, want := range map[string]int{"localhost": 200, "LOCALHOST:80": 200, "127.0.0.1:8080": 200, "[::1]:9": 200,
		"127.9.9.9": 200, "example.com": 421, "example.com:8080": 421, "127.0.0.1.example.com": 421, "": 421,
		"localhost.": 421, "10.0.0.1:8080": 421, "[::1": 421} {
		r := httptest.NewRequest("GET", "/readyz", nil)
		r.Host = host
		w := httptest.NewRecorder()
		local.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Host %q: %d, want %d", host, w.Code, want)
		}
	}
	if status, _ := ask(local, "POST", "/embed", "", good, "Origin", "http://example.com"); status != 403 {
		t.Errorf("a page of another origin: %d", status)
	}
	if status, _ := ask(local, "POST", "/embed", "", good, "Origin", "http://localhost:8080"); status != 200 {
		t.Errorf("a page of this service: %d", status)
	}
}

func TestRequestID(t *testing.T) {
	s := open(t, nil)
	for given, kept := range map[string]bool{"a-7.B_": true, "": false, strings.Repeat("a", 65): false, "a b": false,
		"a\x1b": false, "é": false, "a$b": false} {
		r := httptest.NewRequest("GET", "http://localhost/readyz", nil)
		r.Header.Set("X-Request-ID", given)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got := w.Header().Get("X-Request-ID"); got == "" || (got == given) != kept {
			t.Errorf("ID %q was answered as %q", given, got)
		}
	}
}

func TestMetrics(t *testing.T) {
	s := open(t, nil)
	good := jpegOf(t, 20, 20)
	kind, body := form(t, good, []byte("text"))
	ask(s, "POST", "/embed", kind, body)
	ask(s, "POST", "/embed", "", good)
	ask(s, "GET", "/no/such", "", nil)
	_, text := ask(s, "GET", "/metrics", "", nil)
	for _, line := range []string{
		`parallax_http_requests_total{code="200",path="/embed"} 2`, `parallax_images_total{status="200"} 2`,
		`parallax_images_total{status="415"} 1`, "parallax_queue_images 0", "parallax_queue_images_limit 256",
		`parallax_http_requests_total{code="404",path="other"} 1`,
		"parallax_batch_images_sum 3", // and the first one of health
	} {
		if !bytes.Contains(text, []byte(line+"\n")) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if bytes.Contains(text, []byte("/no/such")) {
		t.Error("a stranger made a name in the metrics")
	}
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	for want, change := range map[string]func(*Options){
		"nothing to serve":           func(o *Options) { o.Run = "" },
		"--batch is -1":              func(o *Options) { o.Batch = -1 },
		"--wait is -1s":              func(o *Options) { o.Wait = -time.Second },
		"--max-images is 300":        func(o *Options) { o.Images = 300 },
		"--max-file is 128 MiB":      func(o *Options) { o.File = 128 << 20 },
		"--memory is 1.0 MiB":        func(o *Options) { o.Memory = 1 << 20 },
		"give --memory more":         func(o *Options) { o.Memory, o.Queue = 64<<20, 1<<20 },
		"go together":                func(o *Options) { o.Cert = "cert.pem" },
		"cannot be used":             func(o *Options) { o.Cert, o.Key = "cert.pem", "key.pem" },
		"give HOST:PORT":             func(o *Options) { o.Addr = "localhost" },
		"reached from other":         func(o *Options) { o.Addr = ":8080" },
		"0.0.0.0:8080 can be":        func(o *Options) { o.Addr = "0.0.0.0:8080" },
		"at least 16":                func(o *Options) { o.Token = "short" },
		"not ASCII":                  func(o *Options) { o.Token = "0123456789 abcdef" },
		"there is no such directory": func(o *Options) { o.Run = filepath.Join(dir, "none") },
	} {
		o := Options{Run: untrained(t)}
		change(&o)
		s, err := New(o)
		if err == nil {
			s.Close()
		}
		var mistake *run.InvalidError
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want one line with %q", err, want)
		} else if !errors.As(err, &mistake) && !strings.Contains(want, "no such") {
			t.Errorf("%v is not marked as a mistake in the options", err)
		}
	}
}

// The description is a valid OpenAPI document, and requests and answers are as it says.
func TestDescription(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(Description())
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		t.Fatal(err)
	}
	n := &table{}
	s := open(t, func(o *Options) { o.Neighbours, o.Images = n, 3 })
	good := jpegOf(t, 20, 20)
	n.paths, n.rows = []string{"a.jpg"}, [][]float32{direct(t, s, good)}
	kind, body := form(t, good, []byte("text"))
	many, manyBody := form(t, good, good, good, good)
	js := []byte(`{"items": [{"name": "a", "image": "` + base64.StdEncoding.EncodeToString(good) + `"}]}`)
	asked := map[string]bool{}
	for _, c := range []struct {
		method, target, kind string
		body                 []byte
		status               int
	}{
		{"POST", "/embed", "image/jpeg", good, 200},
		{"POST", "/embed?normalize=true", "application/octet-stream", good, 200},
		{"POST", "/embed", kind, body, 200}, {"POST", "/embed", "application/json", js, 200},
		{"POST", "/embed", "image/png", []byte("text"), 415}, {"POST", "/embed", "image/jpeg", good[:len(good)/2], 422},
		{"POST", "/embed", many, manyBody, 413}, {"POST", "/embed", "application/json", []byte(`{}`), 400},
		{"POST", "/neighbours", "image/jpeg", good, 200}, {"POST", "/neighbours?k=3", kind, body, 200},
		{"GET", "/healthz", "", nil, 200}, {"GET", "/readyz", "", nil, 200}, {"GET", "/metrics", "", nil, 200},
		{"GET", "/openapi.json", "", nil, 200},
	} {
		r := httptest.NewRequest(c.method, "http://localhost"+c.target, bytes.NewReader(c.body))
		if c.kind != "" {
			r.Header.Set("Content-Type", c.kind)
		}
		route, parameters, err := router.FindRoute(r)
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.target, err)
			continue
		}
		asked[route.Path] = true
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.target, w.Code, w.Body, c.status)
		}
		in := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: parameters,
				Route: route},
			Status: w.Code, Header: w.Result().Header, Body: io.NopCloser(w.Body),
			Options: &openapi3filter.Options{IncludeResponseStatus: true},
		}
		if err := openapi3filter.ValidateResponse(context.Background(), in); err != nil {
			t.Errorf("the answer to %s %s is not as described: %v", c.method, c.target, err)
		}
	}
	for path := range document.Paths.Map() {
		if !asked[path] {
			t.Errorf("%s is described and was not asked", path)
		}
	}
}

// What strangers send may be anything: each request gets an answer that is described, and nothing is kept of it.
func FuzzRequest(f *testing.F) {
	good := jpegOf(f, 8, 8)
	kind, body := form(f, good, []byte("text"))
	f.Add(kind, body, "")
	text := base64.StdEncoding.EncodeToString(good)
	f.Add("application/json", []byte(`{"items": [{"name": "a", "image": "`+text+`"}]}`), "normalize=1")
	f.Add("", good, "k=3")
	f.Add("multipart/form-data; boundary=a",
		[]byte("--a\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nP6\n1 1\n255\nabc\r\n--a--"), "")
	f.Add("application/json", []byte(`{"items":[{"image":"UDYKMSAxCjI1NQphYmM="},{"image":null},{}]}`), "%")
	s := open(f, func(o *Options) { o.Images, o.Body, o.File, o.Pixels = 4, 1<<16, 1<<15, 1<<12 })
	f.Fuzz(func(t *testing.T, kind string, body []byte, query string) {
		r := httptest.NewRequest("POST", "http://localhost/embed", bytes.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		switch w.Code {
		case 200:
			var answered struct {
				single
				several
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answered); err != nil {
				t.Fatal(err)
			}
			if len(answered.Embedding) != features && len(answered.Items) == 0 {
				t.Errorf("200 without an embedding: %s", w.Body)
			}
		case 400, 413, 415, 422:
			if decoded[single](t, w.Body.Bytes()).Error == "" {
				t.Errorf("%d without a reason", w.Code)
			}
		default:
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		idle(t, s)
	})
}

// A service of an encoder of five channels takes images of those, and refuses others one by one.
func TestChannels(t *testing.T) {
	path := filepath.Join(t.TempDir(), run.EncoderFile)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	about := checkpoint.Encoder{Architecture: "resnet8", Width: 4, Stem: "small", Norm: "batch", Features: features,
		Size: 16, Kept: dataset.ChannelsKeep, Samples: "uint16"}
	for range 5 {
		about.Mean, about.Std = append(about.Mean, 0.4), append(about.Std, 0.2)
	}
	if err := torch.Scope(func() error {
		body, err := backbone.Spec{Name: "resnet8", Width: 4, Stem: backbone.Small, Size: 16, Channels: 5}.New()
		if err != nil {
			return err
		}
		p := nn.NewParams(3, torch.F32)
		defer p.Free()
		body.Build(p)
		return nn.WriteStates(f, p.State(), about.Metadata())
	}); err != nil {
		t.Fatal(err)
	}
	s := open(t, func(o *Options) { o.Run = path })
	cube := func(channels int) []byte {
		samples := make([]uint16, 20*18*channels)
		for i := range samples {
			samples[i] = uint16(i * 7)
		}
		return tifftest.Uint16(20, 18, channels, samples)
	}
	for _, c := range []struct {
		file   []byte
		status int
		want   string
	}{
		{cube(5), http.StatusOK, "embedding"},
		{cube(4), http.StatusUnprocessableEntity, "4 channels of uint16, and the encoder takes 5 channels of uint16"},
		{jpegOf(t, 20, 20), http.StatusUnprocessableEntity, "3 channels of uint8, and the encoder takes 5"},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "http://127.0.0.1/embed", bytes.NewReader(c.file)))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%d %s, want %d and %q", w.Code, w.Body, c.status, c.want)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/healthz", nil))
	if w.Code != http.StatusOK {
		t.Errorf("not healthy: %s", w.Body)
	}
}
