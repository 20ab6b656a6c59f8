import './base.css';
import './lab.css';
import './publish.css';
import './sidebar.css';
