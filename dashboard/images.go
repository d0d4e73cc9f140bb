// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/replay"
)

// albums keeps the data of runs open.
type albums struct {
	mu  sync.Mutex
	all map[string]*album
}

// An album is opened once, by whoever comes first.
type album struct {
	once sync.Once
	data *replay.Data
	err  error
}

// mostAlbums is how many data sets are open at a time.
const mostAlbums = 16

// of returns the data of a run. A data set that could not be opened is tried again.
func (a *albums) of(f *folder) (*replay.Data, error) {
	text, err := f.text(run.ConfigFile)
	if err != nil {
		return nil, err
	}
	key := f.id + string(text)
	a.mu.Lock()
	one := a.all[key]
	if one == nil {
		if len(a.all) >= mostAlbums {
			a.all = map[string]*album{} // readers still hold what they use; the collector closes the rest
		}
		one = &album{}
		a.all[key] = one
	}
	a.mu.Unlock()
	one.once.Do(func() {
		one.err = errors.New("the images of the run cannot be opened") // should the next line panic
		one.data, one.err = replay.Open(text)
	})
	if one.err != nil {
		a.mu.Lock()
		delete(a.all, key)
		a.mu.Unlock()
	}
	return one.data, one.err
}

// mostDrawing is how many images are read and drawn at a time. Their pixels need memory, and a training beside the
// dashboard needs the cores.
const mostDrawing = 2

// draw waits for the turn to read and draw images. It is followed by drawn.
func (s *Server) draw(ctx context.Context) error {
	select {
	case s.drawing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) drawn() { <-s.drawing }

// imageOf decodes an image of a source of the run's data, as training does.
func imageOf(t *replay.Data, source *dataset.Source, i int) (*augment.Image, error) {
	if i < 0 || i >= source.Len() {
		return nil, failed(http.StatusNotFound, "there is no image %d: the data have %d", i, source.Len())
	}
	m, err := t.ImageOf(source, i)
	if err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "image %d cannot be read: %v", i, err)
	}
	return m, nil
}

// The sides of a picture that is sent, in pixels.
const (
	usualSide = 128
	mostSide  = 1024
)

// sendPicture answers with an image as a PNG whose longer side is at most side, or as it is if side is 0.
func sendPicture(w http.ResponseWriter, m *augment.Image, side int) error {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, replay.Picture(m, side)); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "private, max-age=300")
	_, _ = w.Write(b.Bytes())
	return nil
}

// whole returns a whole number of the query, from least to most.
func whole(r *http.Request, name string, usual, least, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, failed(http.StatusBadRequest, "%s is %.40q: give a whole number from %d to %d", name, text, least,
			most)
	}
	return n, nil
}

// shelf is some of the images of a run's data.
type shelf struct {
	Of      int      `json:"of"`
	Classes []string `json:"classes"`
	Images  []listed `json:"images"`
	Recipe  string   `json:"recipe"` // the section augment of the config
	Views   int      `json:"views"`
	Epochs  int      `json:"epochs"` // that training has begun, at least 1
}

// listed is an image in a list.
type listed struct {
	Index int    `json:"index"`
	Name  string `json:"name"`
	Label int    `json:"label"`
}

// mostListed is how many images a list has.
const mostListed = 500

// images answers with a part of the list of the run's images: ?from=0&count=100.
func (s *Server) images(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, t, err := s.imagesOf(r)
	if err != nil {
		return nil, err
	}
	from, err := whole(r, "from", 0, 0, 1<<40)
	if err != nil {
		return nil, err
	}
	count, err := whole(r, "count", 100, 1, mostListed)
	if err != nil {
		return nil, err
	}
	text, err := f.text(run.ConfigFile)
	if err != nil {
		return nil, err
	}
	a := shelf{Of: t.Source.Len(), Classes: t.Source.Classes, Images: []listed{}, Recipe: recipeOf(text),
		Views: t.ViewCount()}
	if row := s.catalogue.row(f.id); row != nil {
		a.Epochs = row.Epoch + 1
	}
	for i := from; i < min(from+count, a.Of); i++ {
		a.Images = append(a.Images, listed{i, printable.Name(t.Source.Name(i)), t.Source.Label(i)})
	}
	return a, nil
}

// recipeOf returns the section augment of a config file as text.
func recipeOf(text []byte) string {
	_, section, found := strings.Cut("\n"+string(text), "\naugment:")
	if !found {
		return ""
	}
	lines := strings.SplitAfter(section, "\n")
	end := slices.IndexFunc(lines[1:], func(l string) bool {
		return l != "\n" && l != "" &&
			!strings.HasPrefix(l, " ")
	})
	if end >= 0 {
		lines = lines[:end+1]
	}
	return "augment:" + strings.TrimRight(strings.Join(lines, ""), "\n") + "\n"
}

// picture answers with an image of the run's data: /api/runs/ID/images/INDEX?side=128.
func (s *Server) picture(w http.ResponseWriter, r *http.Request) (any, error) {
	_, t, err := s.imagesOf(r)
	if err != nil {
		return nil, err
	}
	return nil, s.send(w, r, t, t.Source)
}

// imagesOf returns the run that a request names, and its data.
func (s *Server) imagesOf(r *http.Request) (*folder, *replay.Data, error) {
	f, err := s.find(r)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.data(f)
	return f, t, err
}

// data returns the data of a run.
func (s *Server) data(f *folder) (*replay.Data, error) {
	t, err := s.albums.of(f)
	if err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "%v", err)
	}
	return t, nil
}

// send answers with the image of a source that the path names, ?side=128.
func (s *Server) send(w http.ResponseWriter, r *http.Request, t *replay.Data, source *dataset.Source) error {
	side, err := whole(r, "side", usualSide, 0, mostSide)
	if err != nil {
		return err
	}
	index, err := strconv.Atoi(r.PathValue("index"))
	if err != nil {
		return failed(http.StatusBadRequest, "the image is %.40q: give its number", r.PathValue("index"))
	}
	if err := s.draw(r.Context()); err != nil {
		return err
	}
	defer s.drawn()
	m, err := imageOf(t, source, index)
	if err != nil {
		return err
	}
	return sendPicture(w, m, side)
}

// replayed is a view of an image, and what was drawn for it.
type replayed struct {
	View  int     `json:"view"`
	W     int     `json:"w"`
	H     int     `json:"h"`
	Drawn []drawn `json:"drawn"`
	PNG   []byte  `json:"png"`
}

// drawn is one operation of a view, with its numbers.
type drawn struct {
	Op     string `json:"op"`
	Values any    `json:"values"`
}

// views answers with the views of an image in an epoch, as training saw them: ?image=0&epoch=3. A recipe in the
// query takes the place of the run's: the section augment of a config. A run that trained on pairs of images has
// one: the first view.
func (s *Server) views(_ http.ResponseWriter, r *http.Request) (any, error) {
	_, t, err := s.imagesOf(r)
	if err != nil {
		return nil, err
	}
	index, err := whole(r, "image", 0, 0, 1<<40)
	if err != nil {
		return nil, err
	}
	epoch, err := whole(r, "epoch", 0, 0, 1<<30)
	if err != nil {
		return nil, err
	}
	var recipes []augment.Recipe
	if text := r.URL.Query().Get("recipe"); text != "" {
		if recipes, err = config.Recipes([]byte(text), "the recipe"); err != nil {
			return nil, failed(http.StatusBadRequest, "%v", err)
		}
	}
	if err := s.draw(r.Context()); err != nil {
		return nil, err
	}
	defer s.drawn()
	m, err := imageOf(t, t.Source, index)
	if err != nil {
		return nil, err
	}
	drawnViews, err := t.Views(m, index, epoch, recipes)
	if err != nil {
		return nil, failed(http.StatusBadRequest, "%v", err)
	}
	answer := []replayed{}
	for i, view := range drawnViews {
		one := replayed{View: i, W: view.Image.W, H: view.Image.H}
		for _, op := range view.Drawn {
			one.Drawn = append(one.Drawn, drawn{strings.TrimPrefix(fmt.Sprintf("%T", op), "augment."), plainValues(op)})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, replay.Picture(view.Image, 0)); err != nil {
			return nil, err
		}
		one.PNG = b.Bytes()
		answer = append(answer, one)
	}
	return answer, nil
}

// plainValues returns what an operation drew in a form that JSON can hold.
func plainValues(op augment.Drawn) any {
	if _, err := json.Marshal(op); err != nil {
		return fmt.Sprintf("%+v", op)
	}
	return op
}

// bad is an image that could not be read.
type bad struct {
	dataset.BadImage
	Picture bool `json:"picture"` // a browser may show what there is of it
}

// mostBad is how many images of a quarantine are listed.
const mostBad = 1000

// quarantine answers with the images that the run could not read.
func (s *Server) quarantine(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.find(r)
	if err != nil {
		return nil, err
	}
	all := []bad{}
	text, err := f.text(run.QuarantineFile)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	for _, one := range bytes.Split(text, []byte{'\n'}) {
		var b dataset.BadImage
		if len(one) == 0 || json.Unmarshal(one, &b) != nil {
			continue
		}
		if all = append(all, bad{b, true}); len(all) == mostBad {
			break
		}
	}
	return all, nil
}

// shown are the kinds of file that a browser may show as a picture. None of them can hold a script.
var shown = map[string]string{"\xff\xd8\xff": "image/jpeg", "\x89PNG\r\n\x1a\n": "image/png", "GIF87a": "image/gif",
	"GIF89a": "image/gif", "BM": "image/bmp"}

// damaged answers with the file of an image that could not be read, of which a browser may show a part.
func (s *Server) damaged(w http.ResponseWriter, r *http.Request) (any, error) {
	_, t, err := s.imagesOf(r)
	if err != nil {
		return nil, err
	}
	index, err := strconv.Atoi(r.PathValue("index"))
	if err != nil || index < 0 || index >= t.Source.Len() {
		return nil, failed(http.StatusNotFound, "there is no image %.40q", r.PathValue("index"))
	}
	if err := s.draw(r.Context()); err != nil {
		return nil, err
	}
	defer s.drawn()
	text, err := t.Source.File(index)
	if err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "the file cannot be read: %v", err)
	}
	for head, kind := range shown {
		if bytes.HasPrefix(text, []byte(head)) && len(text) <= mostText {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(text)
			return nil, nil
		}
	}
	return nil, failed(http.StatusUnsupportedMediaType, "the file is no picture that a browser shows")
}
