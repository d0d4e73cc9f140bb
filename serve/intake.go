// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// failure is why a request or one of its images got no features, with the HTTP status that says so.
type failure struct {
	status int
	text   string
	cause  error // for the log; may be nil
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() error { return f.cause }

func failed(status int, format string, values ...any) *failure {
	return &failure{status: status, text: printable.Text(fmt.Sprintf(format, values...))}
}

// item is one image of a request.
type item struct {
	name    string
	data    []byte
	failure error // what was wrong with it before it was looked at
}

// intake is the images of a request.
type intake struct {
	items []item
	alone bool // the body was the image: the request's status is the image's
}

// metered reads a body. Each byte counts twice against the memory of the service, once for the copy that parsing makes.
type metered struct {
	body  io.Reader
	share *share
}

// readChunk is the most that is read at once, so that a reader with a large buffer does not reserve it all.
const readChunk = 64 << 10

func (m *metered) Read(p []byte) (int, error) {
	p = p[:min(len(p), readChunk)]
	if !m.share.take(2 * int64(len(p))) {
		return 0, failed(http.StatusTooManyRequests, "the service has no memory left for this body: try again later")
	}
	n, err := m.body.Read(p)
	m.share.give(2 * int64(len(p)-n))
	return n, err
}

// read reads the images of a request's body.
func (l *Limits) read(w http.ResponseWriter, r *http.Request, share *share) (*intake, error) {
	if r.ContentLength > l.Body {
		return nil, l.bodyTooLarge()
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, failed(http.StatusUnsupportedMediaType, "the body is encoded as %.100q: send it as it is", coding)
	}
	body := &metered{http.MaxBytesReader(w, r.Body, l.Body), share}
	// A type that cannot be parsed, or that curl gives by itself, says nothing of the body: it is looked at.
	kind, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var in *intake
	var err error
	switch kind {
	case "multipart/form-data":
		in, err = l.readForm(body, parameters["boundary"])
	case "application/json":
		in, err = l.readJSON(body)
	default:
		in, err = l.readFile(body)
	}
	if err != nil {
		return nil, l.explain(err)
	}
	if len(in.items) == 0 {
		return nil, failed(http.StatusBadRequest, "there are no images in the request: send at least one")
	}
	return in, nil
}

func (l *Limits) bodyTooLarge() *failure {
	return failed(http.StatusRequestEntityTooLarge, "the body is larger than the limit of %s",
		humanize.IBytes(uint64(l.Body)))
}

func (l *Limits) fileTooLarge() *failure {
	return failed(http.StatusRequestEntityTooLarge, "the image file is larger than the limit of %s",
		humanize.IBytes(uint64(l.File)))
}

// explain returns the failure that err, of reading a body, stands for.
func (l *Limits) explain(err error) error {
	var known *failure
	var long *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &long):
		return l.bodyTooLarge()
	case errors.As(err, &network) && network.Timeout():
		return failed(http.StatusRequestTimeout, "the body did not arrive in time")
	}
	return failed(http.StatusBadRequest, "the body cannot be read: %.300s", err)
}

// readFile reads a body that is an image.
func (l *Limits) readFile(body io.Reader) (*intake, error) {
	data, err := l.file(body)
	if err != nil {
		return nil, err
	}
	in := &intake{alone: true}
	if len(data) > 0 {
		in.items = []item{{data: data}}
	}
	return in, nil
}

// file reads an image file within the limit.
func (l *Limits) file(from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, l.File+1))
	if err == nil && int64(len(data)) > l.File {
		err = l.fileTooLarge()
	}
	return data, err
}

// readForm reads a multipart form: each part is an image.
func (l *Limits) readForm(body io.Reader, boundary string) (*intake, error) {
	if boundary == "" {
		return nil, failed(http.StatusBadRequest, "the Content-Type multipart/form-data names no boundary")
	}
	in := &intake{}
	for form := multipart.NewReader(body, boundary); ; {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return in, nil
		}
		if err != nil {
			return nil, err
		}
		i := item{name: part.FileName()}
		if i.name == "" {
			i.name = part.FormName()
		}
		var own *failure
		i.data, err = l.file(part)
		switch {
		case err == nil && len(i.data) == 0:
			i.failure = failed(http.StatusBadRequest, "the part is empty")
		case errors.As(err, &own) && own.status == http.StatusRequestEntityTooLarge:
			i.data, i.failure = nil, own
		case err != nil:
			return nil, err
		}
		if err := l.add(in, i); err != nil {
			return nil, err
		}
	}
}

// add appends an item, unless there are too many.
func (l *Limits) add(in *intake, i item) error {
	if len(in.items) == l.Images {
		return failed(http.StatusRequestEntityTooLarge, "the request has more than %d images: send several requests",
			l.Images)
	}
	i.name = printable.Middle(i.name, 1000)
	in.items = append(in.items, i)
	return nil
}

// jsonForm is what a body of JSON looks like, for messages.
const jsonForm = `want {"items": [{"name": "a.jpg", "image": "<base64>"}]}`

// readJSON reads a JSON document {"items": [{"name", "image"}]}, an item at a time.
func (l *Limits) readJSON(body io.Reader) (*intake, error) {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	expect := func(want json.Token) error {
		got, err := d.Token()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && got != want {
			err = failed(http.StatusBadRequest, "the JSON has %.40q where %q belongs: %s", fmt.Sprint(got),
				fmt.Sprint(want), jsonForm)
		}
		return err
	}
	for _, want := range []json.Token{json.Delim('{'), "items", json.Delim('[')} {
		if err := expect(want); err != nil {
			return nil, err
		}
	}
	in := &intake{}
	for d.More() {
		var one struct {
			Name  string  `json:"name"`
			Image *string `json:"image"`
		}
		if err := d.Decode(&one); err != nil {
			return nil, err
		}
		i := item{name: one.Name}
		if one.Image == nil {
			i.failure = failed(http.StatusBadRequest, `the item has no "image"`)
		} else {
			i.data, i.failure = l.decode64(*one.Image)
		}
		if err := l.add(in, i); err != nil {
			return nil, err
		}
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if err := expect(want); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, failed(http.StatusBadRequest, "something follows the JSON document: %s", jsonForm)
	}
	return in, nil
}

// decode64 decodes a file in base64.
func (l *Limits) decode64(text string) ([]byte, error) {
	if int64(base64.StdEncoding.DecodedLen(len(text))) > l.File+2 {
		return nil, l.fileTooLarge()
	}
	data, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return nil, failed(http.StatusBadRequest, "the image is not base64: %v", err)
	case len(data) == 0:
		return nil, failed(http.StatusBadRequest, "the image is empty")
	case int64(len(data)) > l.File:
		return nil, l.fileTooLarge()
	}
	return data, nil
}
