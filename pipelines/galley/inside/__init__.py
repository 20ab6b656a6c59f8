"""What enters a tenant's kernel: only the standard library, ipykernel and nbformat.

Each module is one file that works by itself, so that it can be read by path or copied into a
project where galley is not installed; other libraries are used where they are loaded already.

    handover       hands variables from one task of a project to the next, as files
    fingerprint    says what a namespace holds: a digest of each variable, no value
    random_states  has the tasks of a split draw the random numbers of the unsplit run
    secrets        gives a kernel the values of its secrets
    probe          takes fingerprints after chosen cells of a running notebook
    zygote         a process that is forked for each notebook, and with it, imported from beside it:
                   preload, asking, changes, name_files, reading, template, spare, birth,
                   task, batch, capture, wire
    outbox         MLflow's tracking store of a task; a package, with the kernel's own MLflow
"""
