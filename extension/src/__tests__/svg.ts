/** Stands for every icon file. */
export default '<svg></svg>';
