// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/internal/loopback"
)

// Place is where a process is among those of a run.
type Place struct {
	Rank, Processes           int // 0 is the chief
	LocalRank, LocalProcesses int // on this machine
	Host                      string
	Port                      int  // of the store on Host
	Served                    bool // the launcher serves the store; else the chief does
	Launcher                  string
	Restart, Restarts         int    // how often the launcher has started the processes again, and at most will
	RunID                     string // of the launcher, "" for none
	ErrorFile                 string // where the launcher wants to find an error, "" for nowhere
}

// Launchers that are recognised.
const (
	Torchrun    = "torchrun"
	Environment = "the environment" // RANK and WORLD_SIZE, as torch.distributed's env:// takes them
	SLURM       = "SLURM"
	Kubeflow    = "Kubeflow"
	Own         = "parallax"
)

// DefaultPort is the port of the store where nothing names one, as in PyTorch.
const DefaultPort = 29500

// Nodes says that each machine starts its own processes: Kubeflow's trainer sets PET_NNODES and the like, as torchrun
// takes them, and no rank.
type Nodes struct {
	Nodes, Node int    // how many, and which one this is
	PerNode     int    // processes on each; 0: one for each device
	Host        string // of the first node
	Port        int
}

// Find reads the place of this process from the environment; nil if it is alone. nodes is not nil if this process has
// to start those of its machine by [Launch]. What is set but incomplete is an error.
func Find() (place *Place, nodes *Nodes, err error) { return find(os.LookupEnv) }

// find is Find in an environment.
func find(lookup func(string) (string, bool)) (*Place, *Nodes, error) {
	e := &environment{lookup: lookup}
	var place *Place
	var nodes *Nodes
	switch {
	case e.has("RANK") || e.has("WORLD_SIZE"):
		place = e.ranked()
	case e.has("PET_NNODES") || e.has("PET_NODE_RANK") || e.has("PET_NPROC_PER_NODE"):
		nodes = e.kubeflow()
	case e.has("SLURM_PROCID") && e.has("SLURM_NTASKS"):
		place = e.slurm()
	}
	if e.err != nil {
		return nil, nil, e.err
	}
	if place != nil {
		if place.ErrorFile == "" && place.Processes == 1 && place.Launcher != Torchrun && place.Launcher != Own {
			return nil, nil, nil // one task of SLURM is no group
		}
		return place, nil, place.check()
	}
	if nodes != nil && nodes.Nodes == 1 && nodes.PerNode == 1 {
		return nil, nil, nil
	}
	return nil, nodes, nil
}

// environment reads variables and keeps the first error.
type environment struct {
	lookup func(string) (string, bool)
	err    error
}

func (e *environment) has(name string) bool { v, set := e.lookup(name); return set && v != "" }

func (e *environment) text(name, otherwise string) string {
	if v, _ := e.lookup(name); v != "" {
		return v
	}
	return otherwise
}

// number is a whole number of at least 0; needed says that it has to be there.
func (e *environment) number(name string, otherwise int, needed bool) int {
	v, _ := e.lookup(name)
	if v == "" {
		if needed && e.err == nil {
			e.err = fmt.Errorf("the environment names a place among several processes, but %s is not set: start all "+
				"of them with torchrun, srun or --nproc", name)
		}
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if (err != nil || n < 0) && e.err == nil {
		e.err = fmt.Errorf("%s is %.40q in the environment: it must be a whole number", name, v)
	}
	return n
}

// ranked is the place that torchrun, or whoever sets the variables of env://, gives.
func (e *environment) ranked() *Place {
	p := &Place{
		Launcher: Environment, Rank: e.number("RANK", 0, true), Processes: e.number("WORLD_SIZE", 0, true),
		Host: e.text("MASTER_ADDR", ""), Port: e.number("MASTER_PORT", DefaultPort, false),
		Restart:  e.number("TORCHELASTIC_RESTART_COUNT", 0, false),
		Restarts: e.number("TORCHELASTIC_MAX_RESTARTS", 0, false),
		RunID:    e.text("TORCHELASTIC_RUN_ID", ""), ErrorFile: e.text("TORCHELASTIC_ERROR_FILE", ""),
		Served: e.text("TORCHELASTIC_USE_AGENT_STORE", "") == "True",
	}
	if p.LocalRank = e.number("LOCAL_RANK", -1, false); p.LocalRank < 0 {
		p.LocalRank = p.Rank
	}
	here := 1 // if nothing is said, the others may be anywhere
	if loopback.Is(p.Host) {
		here = max(1, p.Processes)
	}
	p.LocalProcesses = e.number("LOCAL_WORLD_SIZE", here, false)
	if p.RunID != "" || p.Served {
		p.Launcher = Torchrun
	}
	if e.has(ownVariable) {
		p.Launcher = Own
	}
	if p.Host == "" && p.Processes > 1 && e.err == nil {
		e.err = errors.New("RANK and WORLD_SIZE are set in the environment, but MASTER_ADDR is not: name the machine " +
			"of rank 0, or start the processes with torchrun")
	}
	return p
}

// slurm is the place of a task of a job step. The store's port depends on the job, so that two jobs on one machine do
// not meet, as in PyTorch Lightning.
func (e *environment) slurm() *Place {
	p := &Place{
		Launcher: SLURM, Rank: e.number("SLURM_PROCID", 0, true), Processes: e.number("SLURM_NTASKS", 0, true),
		Host: e.text("MASTER_ADDR", ""), Restart: e.number("SLURM_RESTART_COUNT", 0, false),
		RunID: e.text("SLURM_JOB_ID", e.text("SLURM_JOBID", "")),
	}
	p.LocalRank = e.number("SLURM_LOCALID", p.Rank, false)
	p.LocalProcesses = tasksHere(e.text("SLURM_STEP_TASKS_PER_NODE", e.text("SLURM_TASKS_PER_NODE", "")),
		e.number("SLURM_NODEID", 0, false), p.Processes)
	nodes := e.text("SLURM_NODELIST", e.text("SLURM_JOB_NODELIST", ""))
	if p.Host == "" && p.Processes > 1 {
		first, err := firstNode(nodes)
		if err != nil && e.err == nil {
			e.err = fmt.Errorf("SLURM_NODELIST is %.60q: %w; name the machine of rank 0 with MASTER_ADDR", nodes, err)
		}
		p.Host = first
	}
	port := 15000
	if digits := p.RunID; digits != "" {
		n, err := strconv.Atoi(digits[max(0, len(digits)-4):])
		if err == nil {
			port += n
		}
	}
	p.Port = e.number("MASTER_PORT", port, false)
	return p
}

func (e *environment) kubeflow() *Nodes {
	n := &Nodes{
		Nodes: e.number("PET_NNODES", 1, false), Node: e.number("PET_NODE_RANK", 0, false),
		Host: e.text("PET_MASTER_ADDR", ""), Port: e.number("PET_MASTER_PORT", DefaultPort, false),
	}
	switch v := e.text("PET_NPROC_PER_NODE", "1"); v {
	case "auto", "gpu", "cpu":
	default:
		n.PerNode = e.number("PET_NPROC_PER_NODE", 1, false)
	}
	if n.Nodes > 1 && n.Host == "" && e.err == nil {
		e.err = errors.New("PET_NNODES says that there are several machines, but PET_MASTER_ADDR is not set: it is " +
			"the machine of node 0")
	}
	if (n.Nodes < 1 || n.Node >= n.Nodes) && e.err == nil {
		e.err = fmt.Errorf("PET_NODE_RANK is %d and PET_NNODES %d: the rank must be below the number of machines",
			n.Node, n.Nodes)
	}
	return n
}

// check returns what is wrong with a place.
func (p *Place) check() error {
	switch {
	case p.Processes < 1:
		return fmt.Errorf("%s names %d processes: there must be at least 1", p.Launcher, p.Processes)
	case p.Rank >= p.Processes:
		return fmt.Errorf("%s gives this process rank %d of %d: ranks go from 0 to %d", p.Launcher, p.Rank, p.Processes,
			p.Processes-1)
	case p.Port < 1 || p.Port > 65535:
		return fmt.Errorf("the port of the processes' store is %d: it must be from 1 to 65535 (MASTER_PORT)", p.Port)
	}
	return nil
}

// String says what was understood, in one line.
func (p *Place) String() string {
	text := fmt.Sprintf("process %d of %d, started by %s", p.Rank, p.Processes, p.Launcher)
	switch {
	case p.LocalProcesses == 1 && p.Processes > 1 && p.LocalRank > 0:
		text += "; it may be the only one on this machine"
	case p.LocalProcesses < p.Processes:
		text += fmt.Sprintf("; number %d of %d on this machine", p.LocalRank, p.LocalProcesses)
	}
	if p.Processes > 1 {
		by := "rank 0"
		if p.Served {
			by = p.Launcher
		}
		text += fmt.Sprintf("; they meet at %s, where %s serves", net.JoinHostPort(p.Host, strconv.Itoa(p.Port)), by)
	}
	if p.Restart > 0 {
		text += fmt.Sprintf("; started again for the %s time", humanize.Ordinal(p.Restart))
		if p.Restarts > 0 {
			text += fmt.Sprintf(" of at most %d", p.Restarts)
		}
	}
	return text
}

// firstNode returns the first host of a list as SLURM writes it: a01, a01,b02 or a[01-03,07]-x,b[1-2].
func firstNode(list string) (string, error) {
	first := list
	depth := 0
	for i, c := range list {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth == 0 {
				first = list[:i]
			}
		}
		if depth < 0 || len(first) < len(list) {
			break
		}
	}
	prefix, rest, ranged := strings.Cut(first, "[")
	if !ranged {
		if first == "" || strings.ContainsAny(first, " ]") {
			return "", errors.New("it names no host")
		}
		return first, nil
	}
	numbers, suffix, closed := strings.Cut(rest, "]")
	number, _, _ := strings.Cut(numbers, ",")
	number, _, _ = strings.Cut(number, "-")
	if !closed || number == "" || strings.ContainsAny(suffix, "[]") {
		return "", errors.New("it names no host")
	}
	return prefix + number + suffix, nil
}

// tasksHere returns how many tasks a node has, of SLURM's list such as 2(x3),1; otherwise if it does not say.
func tasksHere(list string, node, otherwise int) int {
	for _, part := range strings.Split(list, ",") {
		tasks, times, repeated := strings.Cut(part, "(x")
		n, err := strconv.Atoi(tasks)
		k := 1
		if repeated {
			var failed error
			k, failed = strconv.Atoi(strings.TrimSuffix(times, ")"))
			err = errors.Join(err, failed)
		}
		if err != nil || n < 1 || k < 1 {
			return otherwise
		}
		if node -= k; node < 0 {
			return n
		}
	}
	return otherwise
}
