// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/chart"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
)

// Limit is the size that a report stays below, in bytes.
const Limit = 2 << 20

// Options say what the run directory does not. The zero value is good for a run of a method that nobody has named.
type Options struct {
	Method  Method // the run's method
	Version string // of the program that writes the report; "": not said
	// Source is the images of the run if they are open; nil: they are opened, which takes time.
	Source *dataset.Source
	// Features returns features of some images of the run's data by its last encoder, for a run that kept none; the
	// step is filled in. nil: the report has no map of such a run.
	Features func(ctx context.Context) (*features.Sample, error)
}

// A Method is what is known of an objective. Its fields may be empty.
type Method struct {
	Title    string // as its paper writes it
	Paper    string // authors, title, venue, arXiv number
	Equation string // the loss, in one line
	Collapse string // what keeps it from collapsing: completes "Collapse is prevented by"
}

//go:embed report.tmpl.html
var templateText string

//go:embed report.css
var ownStyle string

// style is the style sheet of a report.
var style = template.CSS(chart.Style + ownStyle)

var pageTemplate = template.Must(template.New("report").
	Funcs(template.FuncMap{"inc": func(i int) int { return i + 1 }}).Parse(templateText))

// Write writes the report of the run in dir to w. When the deadline of ctx is over, parts that need images or features
// are left out, and a map that would come too late is replaced by a simpler one. Most reports take a second or two. An
// error is of dir, if it is no run directory, of w, or of a ctx that was cancelled.
func Write(ctx context.Context, w io.Writer, dir string, o Options) error {
	text, err := page(ctx, dir, o)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// WriteFile writes the report of the run in dir to file, by default [run.ReportFile] in dir, and returns the file's
// path. See [Write].
func WriteFile(ctx context.Context, dir, file string, o Options) (string, error) {
	if file == "" {
		file = filepath.Join(dir, run.ReportFile)
	}
	text, err := page(ctx, dir, o)
	if err != nil {
		return "", err
	}
	return file, run.WriteFile(file, func(w io.Writer) error { _, err := w.Write(text); return err })
}

// page returns the report as HTML.
func page(ctx context.Context, dir string, o Options) ([]byte, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder: name a run directory", dir)
	}
	s := readStory(ctx, dir)
	if s.config == nil && len(s.marks) == 0 && len(s.log.Tags()) == 0 {
		return nil, fmt.Errorf("%s is no run directory: it has neither a %s that can be read nor events in %s", dir,
			run.ConfigFile, run.MetricsFile)
	}
	p := newContent(s, o)
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, err
	}
	a := &album{left: Limit - reserve - b.Len()}
	p.Pictures = newPictures(ctx, s, o, a)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, context.Cause(ctx)
	}
	b.Reset()
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// reserve is kept for the text around pictures, in bytes.
const reserve = 200 << 10
