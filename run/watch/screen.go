// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/summary"
)

// Screen shows the run in dir in a terminal until the user leaves or ctx ends. If dir is no run but holds some, at any
// depth, a table of them comes first.
func Screen(ctx context.Context, in io.Reader, out io.Writer, dir string) error {
	s := &screen{top: dir, look: look{colour: true}}
	if isRun(dir) {
		s.run = follow(dir)
	} else if s.find(); s.err == nil && len(s.rows) == 0 {
		return fmt.Errorf("%s is no run directory, and none is below it", printable.Name(dir))
	}
	if s.err != nil {
		return s.err
	}
	_, err := tea.NewProgram(s, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out)).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, tea.ErrInterrupted) {
		return nil
	}
	return err
}

// screen is what the terminal shows: a run, or a table of runs.
type screen struct {
	top    string // the folder of the table
	rows   []found
	at     int // the row of the cursor
	run    *follower
	look   look
	first  int // the measure that is drawn first
	width  int
	height int
	err    error
}

// everything is the height of a screen that leaves nothing out.
const everything = 1 << 20

// ticked is a message that it is time to look at the runs.
type ticked struct{}

func tick(more bool) tea.Cmd {
	wait := lookTime
	if more {
		wait = time.Millisecond
	}
	return tea.Tick(wait, func(time.Time) tea.Msg { return ticked{} })
}

// Init is a part of tea.Model.
func (s *screen) Init() tea.Cmd { return tick(true) }

// Update is a part of tea.Model.
func (s *screen) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	switch m := m.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = m.Width, m.Height
	case ticked:
		if s.run == nil {
			s.find()
			return s, tick(false)
		}
		return s, tick(s.run.look())
	case tea.KeyPressMsg:
		return s, s.press(m.String())
	}
	return s, nil
}

// press takes a key.
func (s *screen) press(key string) tea.Cmd {
	switch key {
	case "q", "ctrl+c":
		return tea.Quit
	case "esc", "backspace":
		if len(s.rows) > 0 {
			s.run = nil
		}
		return nil
	}
	if s.run == nil {
		switch key {
		case "up", "k":
			s.at = max(0, s.at-1)
		case "down", "j":
			s.at = min(len(s.rows)-1, s.at+1)
		case "enter":
			if s.at >= 0 && s.at < len(s.rows) {
				s.run = follow(s.rows[s.at].dir)
				s.run.look()
			}
		}
		return nil
	}
	switch key {
	case "l":
		s.look.log = !s.look.log
	case "s":
		s.look.smooth = !s.look.smooth
	case "t":
		s.look.time = !s.look.time
	case "tab", "right", "n":
		s.first = (s.first + s.drawn()) % len(measures)
	case "shift+tab", "left", "p":
		s.first = (s.first - s.drawn() + len(measures)) % len(measures)
	default:
		if len(key) == 1 && key[0] >= '1' && int(key[0]-'1') < len(measures) {
			s.first = int(key[0] - '1')
		}
	}
	return nil
}

// View is a part of tea.Model.
func (s *screen) View() tea.View {
	v := tea.NewView(s.text())
	v.AltScreen = true
	v.WindowTitle = "parallax watch"
	return v
}

var (
	bold = lipgloss.NewStyle().Bold(true)
	dim  = lipgloss.NewStyle().Faint(true)
	bad  = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
	good = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Green)
)

// state is a run's state with a sign, so that it can be read without colours.
func state(r summary.Run) string {
	switch r.State {
	case summary.Running:
		return good.Render("▶ running")
	case summary.Finished:
		return good.Render("✓ finished")
	case summary.Collapsed:
		return bad.Render("✕ collapsed")
	case summary.Stale:
		return bad.Render("? stale: its process is gone")
	case summary.Stopped:
		return bold.Render("■ stopped")
	}
	return dim.Render("· no events yet")
}

// text is the screen.
func (s *screen) text() string {
	if s.width == 0 {
		return "" // the terminal has not said its size yet
	}
	if s.run == nil {
		return s.table()
	}
	f := s.run
	top := []string{
		cut(state(f.run)+"  "+bold.Render(printable.Name(f.dir)), s.width),
		cut(dim.Render(f.what()), s.width),
		cut(f.facts(), s.width),
	}
	if f.err != nil {
		top = append(top, wrapped(bad.Render(printable.Text(oneLine(f.err))), s.width)...)
	}
	bottom := s.bottom()
	charts := s.charts(s.height - len(top) - len(bottom) - 1)
	lines := append(append(top, charts...), bottom...)
	if s.height != everything {
		keys := "q quit  tab next  l log  s smooth  t time"
		if len(s.rows) > 0 {
			keys = "esc back  " + keys
		}
		lines = append(lines[:min(len(lines), s.height-1)], cut(dim.Render(keys), s.width))
	}
	return strings.Join(lines, "\n")
}

// bottom is the diagnosis and the last events, as many as there is room for.
func (s *screen) bottom() []string {
	var lines []string
	class, words := s.run.diagnosis()
	if class != "" {
		style := bad
		if class == "HEALTHY" {
			style = good
		}
		lines = append(lines, wrapped(style.Render(printable.Text(class))+"  "+words, s.width)...)
	}
	var events []string
	for _, e := range s.run.log.Marks() {
		if e.Event != run.Start && e.Event != run.Judged {
			events = append(events, cut(event(e), s.width))
		}
	}
	most := 3
	if s.height < 20 {
		most = 0
	}
	if s.height < 16 && len(lines) > 2 {
		lines = lines[:2]
	}
	return append(lines, events[max(0, len(events)-most):]...)
}

// The size of a chart in characters.
const (
	leastWidth  = 36
	leastHeight = 7
	usualHeight = 11
)

// grid returns how many charts are side by side, and how many one below the other, in so many lines.
func (s *screen) grid(lines int) (columns, rows int) {
	columns = min(3, max(1, s.width/leastWidth))
	if s.height == everything {
		return columns, (len(measures) + columns - 1) / columns
	}
	return columns, max(1, min((len(measures)+columns-1)/columns, lines/leastHeight))
}

// drawn is how many charts are shown at a time.
func (s *screen) drawn() int {
	columns, rows := s.grid(s.height - 3 - len(s.bottom()) - 1)
	return min(len(measures), columns*rows)
}

// charts draws the measures into so many lines.
func (s *screen) charts(lines int) (all []string) {
	columns, rows := s.grid(lines)
	height := usualHeight
	if s.height != everything {
		height = max(4, lines/rows)
	}
	width := s.width/columns - 1
	for row := range rows {
		var parts []string
		for column := range columns {
			i := row*columns + column
			if i >= len(measures) {
				break
			}
			m := measures[(s.first+i)%len(measures)]
			cell := s.run.draw(m, s.look, width-1, height)
			parts = append(parts, lipgloss.NewStyle().Width(width+1).Render(strings.Join(cell, "\n")))
		}
		if len(parts) > 0 {
			all = append(all, strings.Split(lipgloss.JoinHorizontal(lipgloss.Top, parts...), "\n")...)
		}
	}
	return all
}

// cut shortens a line to a width in characters of the terminal.
func cut(text string, width int) string { return ansi.Truncate(text, max(0, width), "…") }

// wrapped breaks a text into lines.
func wrapped(text string, width int) []string {
	return strings.Split(ansi.Wrap(text, max(1, width), ""), "\n")
}

// oneLine is an error on one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
