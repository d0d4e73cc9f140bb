// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"reflect"
	"strings"
	"testing"
)

func in(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := variables[name]; return v, ok }
}

// What each launcher sets is understood, as published by the launcher.
func TestFind(t *testing.T) {
	torchrun := map[string]string{"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2",
		"GROUP_RANK": "1", "MASTER_ADDR": "node-a", "MASTER_PORT": "1234", "TORCHELASTIC_RUN_ID": "none",
		"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "1", "TORCHELASTIC_MAX_RESTARTS": "3",
		"TORCHELASTIC_ERROR_FILE": "error.json", "PET_NNODES": "2", "SLURM_PROCID": "7", "SLURM_NTASKS": "8"}
	for name, c := range map[string]struct {
		variables map[string]string
		place     *Place
		nodes     *Nodes
		text      string
	}{
		"nothing": {},
		"torchrun": {torchrun, &Place{Rank: 3, Processes: 4, LocalRank: 1, LocalProcesses: 2, Host: "node-a",
			Port:   1234,
			Served: true, Launcher: Torchrun, Restart: 1, Restarts: 3, RunID: "none", ErrorFile: "error.json"}, nil,
			"process 3 of 4, started by torchrun; number 1 of 2 on this machine; they meet at node-a:1234, where " +
				"torchrun " +
				"serves; started again for the 1st time of at most 3"},
		"env://": {map[string]string{"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "::1"}, &Place{Processes: 2,
			LocalProcesses: 2, Host: "::1", Port: DefaultPort, Launcher: Environment}, nil,
			"process 0 of 2, started by the environment; they meet at [::1]:29500, where rank 0 serves"},
		"env:// of another machine": {map[string]string{"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "job-0.job"},
			&Place{Rank: 1, Processes: 2, LocalRank: 1, LocalProcesses: 1, Host: "job-0.job", Port: DefaultPort,
				Launcher: Environment}, nil,
			"process 1 of 2, started by the environment; it may be the only one on this machine; they meet at " +
				"job-0.job:29500, where rank 0 serves"},
		"SLURM": {map[string]string{"SLURM_PROCID": "5", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1", "SLURM_NODEID": "2",
			"SLURM_JOB_ID": "1230042", "SLURM_NODELIST": "gpu[07-09,12]-x,login1", "SLURM_TASKS_PER_NODE": "2(x4)",
			"SLURM_RESTART_COUNT": "2"}, &Place{Rank: 5, Processes: 8, LocalRank: 1, LocalProcesses: 2, Host: "gpu07-x",
			Port: 15042, Launcher: SLURM, RunID: "1230042", Restart: 2}, nil,
			"process 5 of 8, started by SLURM; number 1 of 2 on this machine; they meet at gpu07-x:15042, where rank " +
				"0 " +
				"serves; started again for the 2nd time"},
		"SLURM with MASTER_ADDR": {map[string]string{"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "MASTER_ADDR": "here",
			"MASTER_PORT": "99"}, &Place{Processes: 2, LocalProcesses: 2, Host: "here", Port: 99, Launcher: SLURM}, nil,
			""},
		"one task of SLURM": {map[string]string{"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_NODELIST": "a"}, nil,
			nil, ""},
		"Kubeflow": {map[string]string{"PET_NNODES": "2", "PET_NPROC_PER_NODE": "auto", "PET_NODE_RANK": "1",
			"PET_MASTER_ADDR": "job-node-0-0.job", "PET_MASTER_PORT": "29500"}, nil,
			&Nodes{Nodes: 2, Node: 1, Host: "job-node-0-0.job", Port: 29500}, ""},
		"Kubeflow, one process": {map[string]string{"PET_NNODES": "1", "PET_NPROC_PER_NODE": "1"}, nil, nil, ""},
		"Kubeflow, two processes": {map[string]string{"PET_NNODES": "1", "PET_NPROC_PER_NODE": "2"}, nil,
			&Nodes{Nodes: 1, PerNode: 2, Port: DefaultPort}, ""},
	} {
		place, nodes, err := find(in(c.variables))
		if err != nil || !reflect.DeepEqual(place, c.place) || !reflect.DeepEqual(nodes, c.nodes) {
			t.Errorf("%s: %+v, %+v, %v", name, place, nodes, err)
		}
		if place != nil && c.text != "" && place.String() != c.text {
			t.Errorf("%s: %s", name, place)
		}
	}
}

// What is wrong in the environment is said, with the variable.
func TestFindRefuses(t *testing.T) {
	for want, variables := range map[string]map[string]string{
		"WORLD_SIZE is not set":      {"RANK": "1"},
		`RANK is "x"`:                {"RANK": "x", "WORLD_SIZE": "2", "MASTER_ADDR": "a"},
		"ranks go from 0 to 1":       {"RANK": "2", "WORLD_SIZE": "2", "MASTER_ADDR": "a"},
		"MASTER_ADDR is not":         {"RANK": "1", "WORLD_SIZE": "2"},
		"MASTER_PORT":                {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "70000"},
		"there must be at least 1":   {"RANK": "0", "WORLD_SIZE": "0", "MASTER_ADDR": "a"},
		"SLURM_NODELIST is":          {"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "SLURM_NODELIST": "a[01"},
		"PET_MASTER_ADDR is not":     {"PET_NNODES": "2"},
		"below the number":           {"PET_NNODES": "2", "PET_NODE_RANK": "2", "PET_MASTER_ADDR": "a"},
		`PET_NPROC_PER_NODE is "-1"`: {"PET_NPROC_PER_NODE": "-1"},
	} {
		if _, _, err := find(in(variables)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", variables, err, want)
		}
	}
}

func TestFirstNode(t *testing.T) {
	for list, want := range map[string]string{"a": "a", "a,b": "a", "a[1-3]": "a1", "a[003,7],b": "a003",
		"n[1-2]x": "n1x",
		"r1n[05]": "r1n05", "": "", "a[": "", "a[]": "", "a[1]b[2]": "", "a b": "", "]": ""} {
		if got, err := firstNode(list); got != want || (err == nil) == (want == "") {
			t.Errorf("%q: %q, %v", list, got, err)
		}
	}
}

func FuzzFirstNode(f *testing.F) {
	f.Add("a[01-03,07]-x,b[1-2]")
	f.Fuzz(func(t *testing.T, list string) {
		if host, err := firstNode(list); err == nil && host == "" {
			t.Errorf("%q names nobody, and is no error", list)
		}
		tasksHere(list, 3, 1)
	})
}
