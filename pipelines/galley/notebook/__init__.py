"""Reading a notebook without running anything of it: pure facts, or a new notebook.

People count cells from 1 over *all* cells (Markdown too), because JupyterLab shows no cell
numbers: "cell 7" in a message is the seventh cell from the top. Fields of models
(``Check.cell``, ``TaskNode.cells``, ``CellError.cell``) count from 0.
"""
